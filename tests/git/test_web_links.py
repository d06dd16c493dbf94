"""Links to forges, recognised from the address of a remote."""

import pytest

from memharness.git.web_links import WebLinks, recognise

GITHUB = WebLinks(
    line="https://github.com/o/r/blob/{commit}/{path}#L{line}", commit="https://github.com/o/r/commit/{commit}"
)


@pytest.mark.parametrize(
    "address",
    [
        "https://github.com/o/r.git",
        "https://github.com/o/r",
        "https://github.com/o/r/",
        "https://user:secret@github.com/o/r.git",
        "git@github.com:o/r.git",
        "ssh://git@github.com:22/o/r.git",
        "git://GitHub.com/o/r.git\n",
    ],
)
def test_github_however_it_is_written(address: str) -> None:
    assert recognise(address) == GITHUB


def test_gitlab_of_ones_own_and_codeberg() -> None:
    assert recognise("git@gitlab.example.org:group/sub/r.git") == WebLinks(
        line="https://gitlab.example.org/group/sub/r/-/blob/{commit}/{path}#L{line}",
        commit="https://gitlab.example.org/group/sub/r/-/commit/{commit}",
    )
    assert recognise("https://codeberg.org/o/r") == WebLinks(
        line="https://codeberg.org/o/r/src/commit/{commit}/{path}#L{line}",
        commit="https://codeberg.org/o/r/commit/{commit}",
    )


@pytest.mark.parametrize(
    "address",
    [
        "",
        "/srv/git/r.git",
        "../r",
        "https://example.org/o/r",
        "https://notgithub.com.evil.org/o/r",
        'https://github.com/o/r"onmouseover=x',
        "https://github.com/o/{path}",
        "javascript:github.com/o/r",
        "https://github.com/r",
    ],
)
def test_nothing_else_is_linked(address: str) -> None:
    assert recognise(address) is None
