"""Holders: what keeps the objects alive that a difference consists of, and which of these lines the commit changed."""

from collections.abc import Iterable, Mapping
from itertools import zip_longest
from typing import Final

from memharness.analyse.blame.additions import changed_addition
from memharness.analyse.blame.callers import fold_lines
from memharness.analyse.blame.edits import DiffSide, Place
from memharness.model.findings import BlamedHolder
from memharness.model.measurements import HolderChain, Profile, ProfileLine

_LEAST_SHARE: Final = 0.1


def blamed_holders(
    chains: Iterable[HolderChain], sizes: Mapping[Place, int], view: DiffSide
) -> tuple[BlamedHolder, ...]:
    """Return the chain that says most of the objects of a difference, the nearest holder first.

    `sizes` are the bytes that moved at each place. Of the places that chains begin at, those count that moved at least
    a tenth of the greatest: a lesser one may have a holder of its own. There a chain with an edited holder goes before
    others, then that of the greatest place, of most objects and the shortest. None where nothing is known of these
    objects.
    """
    known = [chain for chain in chains if (chain.path, chain.line) in sizes]
    least = _LEAST_SHARE * max((sizes[chain.path, chain.line] for chain in known), default=0)
    found = [(chain, _marked(chain, view)) for chain in known if sizes[chain.path, chain.line] >= least]

    def weight(entry: tuple[HolderChain, tuple[BlamedHolder, ...]]) -> tuple[bool, int, int, int]:
        chain, holders = entry
        changed = any(holder.edited for holder in holders)
        return changed, sizes[chain.path, chain.line], chain.count, -len(holders)

    return max(found, key=weight)[1] if found else ()


def fold_chains(chains: Iterable[HolderChain], deep: Profile) -> tuple[HolderChain, ...]:
    """Let chains start at the lines that called those which allocated, as `fold_lines` does."""
    folded = []
    for chain in chains:
        line = ProfileLine(path=chain.path, line=chain.line, function="", source="", size=0, count=0)
        (caller,) = fold_lines((line,), deep)
        folded.append(HolderChain(path=caller.path, line=caller.line, count=chain.count, holders=chain.holders))
    return tuple(folded)


def _marked(chain: HolderChain, view: DiffSide) -> tuple[BlamedHolder, ...]:
    """Mark the holders that the commit changed, each at the line of its statement that did, or what fills them."""
    holders = []
    for holder, held_by in zip_longest(chain.holders, chain.holders[1:]):
        line = view.changed_line((holder.path, holder.line)) if holder.line else 0
        holders.append(
            BlamedHolder(
                path=holder.path,
                line=line or holder.line,
                text=holder.text,
                changed_here=line > 0,
                filled=None if line else changed_addition(view, holder, held_by),
            )
        )
    return tuple(holders)
