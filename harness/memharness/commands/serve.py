"""`memharness serve`: publishes, serves the pages, and keeps them up to date."""

import threading
import time
import webbrowser

import click

from memharness.commands.options import configured, publishing, selecting
from memharness.commands.printing import print_notices
from memharness.config.configuration import Config
from memharness.errors import MemharnessError
from memharness.findings.project import Selection
from memharness.wording.text import visible


@click.command()
@selecting
@publishing
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    help="Address to listen at; any other lets other machines read the pages.",
)
@click.option(
    "--port", default=0, show_default=True, type=click.IntRange(0, 65535), help="Port to listen at; 0 for a free one."
)
@click.option("--open", "browse", is_flag=True, help="Open the pages in the browser.")
@click.option(
    "--interval",
    default=2.0,
    show_default=True,
    type=click.FloatRange(min=0.1),
    help="Seconds between two looks for changes.",
)
@configured
def command(config: Config, selection: Selection, *, host: str, port: int, browse: bool, interval: float) -> None:
    """Publish, serve the pages on this machine, and publish again when results, scenarios or commits change.

    The address is printed on stdout. Stop it with Ctrl-C.
    """
    from memharness.site.publish import publish
    from memharness.site.server import SiteServer
    from memharness.site.watch import Watched

    watched = Watched(config)
    seen = watched.times()
    print_notices(publish(config, selection).notices)
    with SiteServer(config.publish.folder, host, port) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            click.echo(server.url)  # whoever reads it may press Ctrl-C from now on
            if browse:
                webbrowser.open(server.url)
            while True:
                time.sleep(interval)
                now = watched.times()
                if now != seen:
                    seen = now
                    _publish_again(config, selection)
        except KeyboardInterrupt:  # the usual end
            server.shutdown()


def _publish_again(config: Config, selection: Selection) -> None:
    """Publish again. An error, as while a scenario is being edited, is printed and leaves the pages as they were."""
    from memharness.site.publish import publish

    try:
        published = publish(config, selection)
    except MemharnessError as error:
        reason = error.message
    except Exception as error:  # noqa: BLE001  (the pages must stay available)
        reason = f"{type(error).__name__}: {error}"
    else:
        if published.files.written or published.files.removed:
            click.echo(f"published again: {published.files.written} files", err=True)
        return
    click.echo(f"memharness: {visible(reason)}; the pages stay as they were", err=True)
