"""What the suites of a configuration hold, as it was listed and stored."""

from collections.abc import Iterator, Sequence
from typing import Final

from memharness.config.configuration import Config
from memharness.errors import MemharnessError
from memharness.model.listings import Listing
from memharness.store import Store, machines
from memharness.workloads import Collection

_MOST_OMITTED: Final = 5


def find_listing(config: Config, collection: Collection) -> tuple[Listing, tuple[str, ...]]:
    """Return what is known of a suite, of its present files if possible, and remarks on it.

    Raise MemharnessError where it was never listed, and where it holds nothing.
    """
    found = [*_stored(config, collection.workload.address)]
    listing = next((one for one in found if one.state == collection.state), found[0] if found else None)
    if listing is None:
        raise MemharnessError(
            f"{collection.workload.address}: nothing is known of what it holds",
            hint="`memharness run` with the same address lists its workloads, and measures them.",
        )
    if not listing.listed.cases:
        raise nothing_listed(collection, listing)
    notices = _omissions(collection, listing)
    if listing.state != collection.state:
        notices += (f"{collection.workload.address} was changed since it was listed: `memharness run` lists it anew",)
    return listing, notices


def nothing_listed(collection: Collection, listing: Listing) -> MemharnessError:
    """Return the error of a suite without workloads."""
    omitted = "; ".join(_omissions(collection, listing))
    return MemharnessError(
        f"{collection.workload.address}: no workloads were found in {collection.suite.folder}"
        f" with commit {listing.commit[:10]}{omitted and f' ({omitted})'}",
        hint="`memharness help workloads` says what counts. Packages that they need beyond the project go into "
        "dependencies under [environment].",
    )


def _omissions(collection: Collection, listing: Listing) -> tuple[str, ...]:
    """Say what was passed over."""
    omitted: Sequence[str] = [f"{one.what} was passed over: {one.reason}" for one in listing.listed.omitted]
    more = len(omitted) - _MOST_OMITTED
    rest = (f"{collection.workload.address}: {more} more were passed over",) if more > 0 else ()
    return (*omitted[:_MOST_OMITTED], *rest)


def _stored(config: Config, address: str) -> Iterator[Listing]:
    """Yield all listings of an address, of this machine first."""
    results, own = config.run.results, config.run.machine
    for machine in sorted({own, *machines(results)}, key=lambda name: (name != own, name)):
        store = Store(results, machine, read_only=True)
        yield from filter(None, (store.listing(family, address) for family in store.families()))
