"""A page for each problem's code: what it means, its cause and its cure."""

from collections.abc import Iterator

from shared.errors import Problem, all_problems


def name_of(problem: type[Problem]) -> str:
    """Return the name of a problem's page, as its `type` has it."""
    return problem.code.replace("_", "-")


def page(problem: type[Problem]) -> str:
    """Return a problem's page as Markdown."""
    return (
        f"# {problem.title}\n\n"
        f"- code: `{problem.code}`\n"
        f"- status: {problem.status}\n\n"
        f"## Cause\n\n{problem.cause}\n\n"
        f"## Cure\n\n{problem.cure}\n"
    )


def known() -> list[type[Problem]]:
    """Return every problem that the loaded services can answer with, by code; raises ValueError when two share one."""
    found: dict[str, type[Problem]] = {}
    for problem in all_problems():
        if not problem.__module__.startswith(("services.", "shared.")):
            continue
        first = found.setdefault(problem.code, problem)
        if first is not problem and "code" in vars(problem):
            raise ValueError(f"{first.__name__} and {problem.__name__} have the same code {problem.code}")
    return [found[code] for code in sorted(found)]


def pages() -> Iterator[tuple[str, str]]:
    """Yield file name and content of every problem's page, and of their table of contents."""
    problems = known()
    rows = "".join(f"| [{p.code}]({name_of(p)}.md) | {p.status} | {p.title} |\n" for p in problems)
    table = f"| code | status | meaning |\n|---|---|---|\n{rows}"
    yield "README.md", f"# Problems\n\nEvery refusal carries one of these codes.\n\n{table}"
    for problem in problems:
        yield f"{name_of(problem)}.md", page(problem)


def catalogue() -> list[dict[str, object]]:
    """Return every problem as data, for the gateway to show."""
    return [{"code": p.code, "status": p.status, "title": p.title, "cause": p.cause, "cure": p.cure} for p in known()]
