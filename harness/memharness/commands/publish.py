"""`memharness publish`: writes a static site of trend pages from stored results."""

import click

from memharness.commands.options import json_option, measuring, publishing, selecting
from memharness.commands.printing import print_json, print_notices
from memharness.config.configuration import Config
from memharness.findings.project import Selection, open_project
from memharness.terminal.progress import show_progress
from memharness.wording.text import number_text, visible


@click.command()
@selecting
@click.option(
    "--explain", is_flag=True, help="Measure what the pages of the newest measured commit lack to explain it."
)
@json_option
@publishing
@measuring
def command(config: Config, selection: Selection, *, explain: bool, as_json: bool) -> None:
    """Write trend pages that work offline, from any folder and any web server.

    Only files whose content changed are written. Without a range, the pages begin at the first measured commit.
    """
    from memharness.site.publish import publish

    if explain:
        newest = open_project(config, selection, read_only=True).newest_stored(selection.until)
        chosen = Selection(
            until=newest or selection.until, last=1, pattern=selection.pattern, case_tags=selection.case_tags
        )
        from memharness.run.session import explain_stored  # here, as it takes time to load

        with show_progress() as progress:
            explain_stored(config, chosen, listener=progress)
    published = publish(config, selection)
    print_notices(published.notices)
    if as_json:
        found = {name: getattr(published, name) for name in published.__struct_fields__}
        print_json({"format": 1, **found, "folder": str(published.folder)})
        return
    files = published.files
    click.echo(visible(str(published.folder / "index.html")))
    click.echo(
        f"{number_text(published.subjects, 'trend page')}, {number_text(published.commits, 'commit')}; "
        f"{number_text(files.written, 'file')} written, {files.kept} as they were, {files.removed} removed",
        err=True,
    )
