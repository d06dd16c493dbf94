"""Random small programs that hold memory, and random edits of them: for the rules on moved and on edited lines.

Each line of a program that holds memory fills a slot of its own in a list made long enough before, so that no line's
share depends on the order of the others.
"""

from dataclasses import dataclass, field
from random import Random

SCENARIO = "from registry import FUNCTIONS\n\n\ndef run():\n    return [function() for function in FUNCTIONS]\n"
_SLOTS = 250  # numbers up to 256 are no objects of their own


@dataclass
class Function:
    """A function and the lines of its body, each below a comment or a condition or not."""

    name: str
    body: list[str]


@dataclass
class Program:
    """Functions by file; `registry.py` names them all, in an order that does not depend on the files."""

    random: Random
    files: dict[str, list[Function]] = field(default_factory=dict)
    slots: int = 0
    names: int = 0

    def sources(self) -> dict[str, str]:
        """Return path -> source."""
        sources = {path: _HEADER + "".join(_source(f) for f in functions) for path, functions in self.files.items()}
        homes = sorted((f.name, path) for path, functions in self.files.items() for f in functions)
        imports = "".join(f"from {path.removesuffix('.py')} import {name}\n" for name, path in homes)
        names = ", ".join(name for name, _ in homes)
        return {**sources, "making.py": _MAKING, "registry.py": f"{imports}\nFUNCTIONS = [{names}]\n"}

    def line(self) -> str:
        """Return a new line that holds memory: in what the function returns, or for good."""
        self.slots += 1
        size = self.random.randrange(600, 9000)
        target = self.random.choice(["out", "out", "KEPT"])
        value = self.random.choice([f"bytearray({size})", f"make({size})", f"(len,) * {size // 8}"])
        return f"{target}[{self.slots}] = {value}"

    def any_function(self) -> tuple[str, Function]:
        path = self.random.choice(sorted(path for path, functions in self.files.items() if functions))
        return path, self.random.choice(self.files[path])

    def any_line(self) -> tuple[Function, int]:
        function = self.random.choice([f for functions in self.files.values() for f in functions if f.body])
        return function, self.random.randrange(len(function.body))

    def new_name(self, stem: str) -> str:
        self.names += 1
        return f"{stem}{self.names}"

    # --- moves

    def move_line(self) -> None:
        """Move a line within its function or to any other one, in any file."""
        function, at = self.any_line()
        line = _bare(function.body.pop(at))
        _, target = self.any_function()
        target.body.insert(self.random.randint(0, len(target.body)), line)

    def indent_line(self) -> None:
        function, at = self.any_line()
        function.body[at] = f"if KEPT:\n        {_bare(function.body[at])}"

    def comment(self) -> None:
        function, at = self.any_line()
        function.body[at] = f"# One slot after the other.\n    {_bare(function.body[at])}"

    def move_function(self) -> None:
        path, function = self.any_function()
        self.files[path].remove(function)
        target = self.files[self.random.choice(sorted(self.files))]
        target.insert(self.random.randint(0, len(target)), function)

    def rename_file(self) -> None:
        path, _ = self.any_function()
        self.files[self.new_name("file") + ".py"] = self.files.pop(path)

    def split_file(self) -> None:
        path, _ = self.any_function()
        half = len(self.files[path]) // 2
        self.files[self.new_name("file") + ".py"] = self.files[path][half:]
        self.files[path] = self.files[path][:half]

    # --- edits

    def insert_line(self) -> None:
        _, function = self.any_function()
        function.body.insert(self.random.randint(0, len(function.body)), self.line())

    def edit_line(self) -> None:
        function, at = self.any_line()
        slot = _bare(function.body[at]).partition(" = ")[0]
        function.body[at] = f"{slot} = bytearray({self.random.randrange(600, 9000)})"

    def repeat_line(self) -> None:
        """Let a line stand twice, now and then with another list."""
        function, at = self.any_line()
        function.body.insert(at, function.body[at].replace("KEPT", "out", self.random.randint(0, 1)))

    def remove_line(self) -> None:
        function, at = self.any_line()
        del function.body[at]

    def rename_function(self) -> None:
        _, function = self.any_function()
        function.name = self.new_name("renamed")

    def move(self, times: int) -> None:
        """Move and reformat at random; what is held, and by which line, stays as it is."""
        moves = (self.move_line, self.indent_line, self.comment, self.move_function, self.rename_file, self.split_file)
        for move in self.random.choices(moves, k=times):
            move()

    def edit(self, times: int) -> None:
        """Edit at random."""
        edits = (self.insert_line, self.edit_line, self.repeat_line, self.remove_line, self.rename_function)
        for edit in self.random.choices(edits, k=times):
            edit()


_HEADER = f"from making import make\n\nKEPT = [None] * {_SLOTS}\n"
_MAKING = "def make(size):\n    return bytearray(size)\n"


def _bare(line: str) -> str:
    """Return what fills the slot, without the comment or the condition above it."""
    return line.rpartition("\n")[2].strip()


def _source(function: Function) -> str:
    body = "".join(f"    {line}\n" for line in function.body)
    return f"\n\ndef {function.name}():\n    out = [None] * {_SLOTS}\n{body}    return out\n"


def random_program(seed: int) -> Program:
    """Return a program of three files with three functions each."""
    program = Program(Random(seed))
    for path in ("one.py", "two.py", "three.py"):
        program.files[path] = [
            Function(program.new_name("fill"), [program.line() for _ in range(program.random.randint(1, 5))])
            for _ in range(3)
        ]
    return program
