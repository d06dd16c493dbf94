"""`memharness help`: the topics of the guide, and the options of each command."""

from collections.abc import Iterable

import click

from memharness.config.document import suggest
from memharness.errors import MemharnessError
from memharness.guide import Section, find_sections, read_topic, topics


@click.command()
@click.argument("words", nargs=-1, metavar="[TOPIC|COMMAND|WORD]")
@click.pass_context
def command(context: click.Context, *, words: tuple[str, ...]) -> None:
    """Print a topic of the guide, the options of a command, or where the guide has a WORD.

    Without an argument, print the list of topics and commands. If one section of the guide alone has the word, print
    that section.
    """
    group = context.find_root()
    assert isinstance(group.command, click.Group)
    topic = " ".join(words)
    if not topic:
        _print_list(context, group)
    elif topic in topics():
        _print_text(read_topic(topic))
    elif chosen := group.command.get_command(context, topic):
        click.echo(chosen.get_help(click.Context(chosen, info_name=topic, parent=group)))
    elif sections := find_sections(topic):
        _print_sections(context, sections)
    else:
        known = [*topics(), *group.command.list_commands(context)]
        raise MemharnessError(f"there is no topic or command {topic!r}", hint=suggest(topic, known))


def _print_list(context: click.Context, group: click.Context) -> None:
    formatter = context.make_formatter()
    with formatter.section("Topics (memharness help TOPIC)"):
        formatter.write_dl(list(topics().items()))
    assert isinstance(group.command, click.Group)
    group.command.format_commands(group, formatter)
    click.echo(formatter.getvalue().rstrip("\n"))


def _print_sections(context: click.Context, sections: Iterable[Section]) -> None:
    """Print one section, or the headings of several below their topics."""
    first, *others = sections
    if not others:
        _print_text(f"{first.text.strip()}\n\nFrom `memharness help {first.topic}`.\n")
        return
    headings: dict[str, list[str]] = {}
    for section in sections:
        headings.setdefault(section.topic, []).append(section.heading)
    formatter = context.make_formatter()
    with formatter.section("Sections (memharness help TOPIC)"):
        formatter.write_dl([(topic, "; ".join(own)) for topic, own in headings.items()])
    click.echo(formatter.getvalue().rstrip("\n"))


def _print_text(text: str) -> None:
    """Print Markdown as it is written, and on a terminal with colours and drawn tables."""
    from memharness.terminal.console import output_console

    console = output_console()
    if not console.is_terminal:
        click.echo(text.rstrip("\n"))
        return
    from memharness.terminal.guide import draw_topic  # here, since it takes longer to import than all the rest

    draw_topic(console, text)
