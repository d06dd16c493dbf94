"""Measure one pass of one case: `python -P -s -S -B __main__.py REQUEST`, without -P before CPython 3.11.

Request, a JSON file (ASCII or UTF-8, nothing but control characters, quotes and backslashes escaped, because it
is read as a Python literal); all paths are absolute and without symbolic links to resolve:
  format        1
  token         32 hexadecimal digits, to be returned
  response      path of the response
  phase_file    path of a file that always holds the phase being run
  pass          "first" (import, peak, retained, result, gc_objects), "growth" (growth), "rss" (rss_peak and warm_peak),
                "deep" (the first call again, to explain it), "peak" (run twice: where the first call's peak is)
  metrics       the names wanted, of this pass; in "deep" of "first"; in "peak" none
  frames        depth of the traces: 25 in "deep" and when the traces of "peak" are taken, else 1
  event         null, or what the child answered that looked for the peak: take the traces there
  scenario      path of the scenario's file;  scenarios  path of its folder
  params        {name: value}
  setup, run, teardown   {"takes_state": bool, "params": [names]}, null where the scenario has none
  fresh_setup   whether setup is called before every call of run, not only the first
  import_paths  folders put behind the standard library on sys.path, in this order
  before_stdlib     whether they go before it instead: the project has a module that is called like one of its
  site_paths    folders added behind them with site.addsitedir, .pth files included
  late_paths    folders put after everything else: the scenario folder, lest a file in it hide a package
  project       {"tree": the checkout, "origin": folder its modules must come from, "prefix": path of the import
                root below the tree or ".", "packages": [top-level names], which alone are found in import_paths,
                "namespaces": [dotted names] of folders there that are no regular packages, whatever they hold,
                "placed": links in the tree to files that the build made, which the environment stands for}
  calls         calls in the growth pass after the first, or null to find the most of 127, 63, 31, 15 that cost
                at most growth_budget and an eighth of timeout, both of CPU time, and take at most an eighth
                of wall_seconds (never less than 15)
  growth_budget    and the pursuit of a suspected leak ends, beyond four times the calls, when thrice that is spent
  timeout   CPU seconds of this process and its descendants together, and wall_seconds: after which the host
                ends them all; a suspected leak is not pursued into either

Response, a JSON file put in place by a rename, or where that is impossible one with .spare after its name; always with
format, method (of measuring), token and pid:
  status        "measured"
  metrics       {name: integer}; one that cannot be measured here is missing, and notes say why
  gc_objects    [before, after] the first call, where wanted;  types  [[name, before, after], ..] that grew most
  event         in "peak" without one: [thread, event of that thread, peak in bytes]; missing where notes say why
  profiles      {kind: {"lines": [[path, line, function, source, size, count], ..],
                "stacks": [[size, count, [[path, line, function, source], ..]], ..],
                "types": [[path, line, type, number of instances], ..],
                "modules": [[name, origin, path, line, size], ..]}}, the biggest first; a part may be missing
                kinds: "alive", "retained", "import" (of "first": modules only), "peak", "leak", "calls"
                stacks, 100 at most (30 of imports), are whole, the outermost call first; they, types, and the last
                field of a line, library, come with deep traces only. There a block counts at the innermost line of
                the project that was being executed, else of a scenario, else where it was allocated; library is the
                top-level module that allocated it, "" for the line itself. Types are the 50 most numerous.
                modules: without what they import themselves; path and line of the import statement that came first;
                "(other modules)" are those beyond 100 or below 1 KiB, "(freed later, or in no module)" what else there
                is, less what modules allocated while loading and freed again later, so often negative;
                origin is "project", "scenario", "library", "stdlib" or "" for these two
                "leak", where there is growth: what as many calls again added, or of slow calls what falls to as many,
                unless the time-out left no room for them; it has no stacks, but "survivors": [[path, line, type,
                repr], ..], a sample of the objects that they left alive; "calls" has only "sizes": [bytes alive
                after each call, the first included, above those before it, ..], one more than "calls" below
  calls         number of calls used, null in other passes than growth
  suspected     ["growth"] where a leak, which may end, was not pursued over four times the calls; a note says why
  notes         [sentence, ..]
  seen          what the run looked at, from before the scenario is loaded to the end of teardown; not in "deep" and
                "peak". {"opened": [paths], "looked": [paths], "listed": [paths], "native": bool, "obstacle": null}:
                files opened, paths whose existence or state was asked for, also in vain, and folders listed; those
                entries of a folder count as asked for that came with the means to do so unheard. Below the tree and
                the folder of scenarios; absolute, normalised, sorted, byte code as its source. Left out are Python's
                own installation, site_paths, the folder of the response, /dev/null and the like, and folders that
                lead to one of all these, where nothing but their state was asked for.
                native: an extension module that is not of Python's own libraries was loaded, or sqlite used
                obstacle: or a reason why the rest proves nothing: another path was looked at, a process started, ..
  processes     in the same, how many processes the workload was heard to start, never more than there were
or
  status        "failed"
  phase         "import", "setup", "run", "teardown";  kind  "exception" or "memory"
  reason        "ValueError: its first words"
  frames        [[path, line, function, source], ..], the user's only, outermost first

A path is relative to the tree, or begins with <scenarios>, <site-packages> or <stdlib>, or is what the code says.
"first" and "deep" sum: all sizes of "alive" = result + retained, of "retained" = retained, of the modules (and in
"deep" the lines) of "import" = import; but for some bytes on 3.11, where "deep" loads ctypes before the call. All
sizes of "peak" are about peak: what finding it adds is left out as far as it can be told.

Without a request it only loads its own modules, so that their byte code gets written (leave out -B).

Exit: 0 after delivery, through os._exit. Any other end, or none, is the workload's doing; what the workload prints,
closes, replaces, forks or starts does not matter. A child that it forks and that comes back leaves silently.
"""

import sys

if __name__ == "__main__":
    # This file is compiled anew by every child, so it is short. Its folder is on the path, where the workload must not
    # find it; the one above is until the probe is loaded.
    _folder = __file__.rpartition("/")[0]
    sys.path[:] = [_folder.rpartition("/")[0]] + [path for path in sys.path if path != _folder]
    from memharness_probe.loading import load

    load("child").child.main()
