"""`memharness help`: the topics of the guide, and the options of each command."""

import click

from memharness.config.document import suggest
from memharness.errors import MemharnessError
from memharness.guide import read_topic, topics


@click.command()
@click.argument("topic", required=False, metavar="[TOPIC|COMMAND]")
@click.pass_context
def command(context: click.Context, *, topic: str | None) -> None:
    """Print a topic of the guide, or the options of a command.

    Without an argument, print the list of topics and commands.
    """
    group = context.find_root()
    assert isinstance(group.command, click.Group)
    if topic is None:
        _print_list(context, group)
    elif topic in topics():
        _print_topic(topic)
    elif chosen := group.command.get_command(context, topic):
        click.echo(chosen.get_help(click.Context(chosen, info_name=topic, parent=group)))
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


def _print_topic(topic: str) -> None:
    """Print a topic as it is written, and on a terminal with colours and drawn tables."""
    from memharness.terminal.console import output_console

    console = output_console()
    if not console.is_terminal:
        click.echo(read_topic(topic).rstrip("\n"))
        return
    from memharness.terminal.guide import draw_topic  # here, since it takes longer to import than all the rest

    draw_topic(console, read_topic(topic))
