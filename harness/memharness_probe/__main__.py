"""Measure one pass of one case: `python -P -s -S -B __main__.py REQUEST`, without -P before CPython 3.11.

The request is a JSON file, read as a Python literal: ASCII or UTF-8, with only control characters, quotes and
backslashes escaped. All paths in it are absolute and resolved.
  format        1
  token         32 hexadecimal digits, returned in the response
  response      path of the response
  phase_file    path of a file that always names the phase being run
  pass          "first"   the first call: import, peak, retained, result, gc_objects, and track, see `discovery`
                "growth"  many calls: growth
                "rss"     two calls: rss_peak and warm_peak
                "peak"    finds the moment of the first call's peak
                "discover"  the driver lists what a suite holds: "listed", see the module `discovery`; no metrics
                "setup_cache"  the driver prepares what workloads share, see the module `setup_cache`; no metrics
                "deep"    "first" again, to explain it; with an event, to explain its peak, and up to 3.11 only that
  metrics       names of the metrics wanted of this pass; of "first" in "deep"; none in "peak"
  frames        depth of the traces: 1, in "deep" 25; 1 there too where these take too much time or memory
  event         null, or what "peak" found: in "peak" to find the line, in "deep" to explain the peak
  scenario      path of the scenario's file, or what stands for it;  scenarios  path of the scenario folder
  params        {name: value};  positions  that of each value among those that the parameter has
  driver        what loads the workload: "file" the scenario's file; see the modules of these names for the others
  target        what the driver is to load; {} for "file", whose file is `scenario`
  setup, run, teardown   {"takes_state": bool, "params": [names]}, null where the scenario has none; with "function"
                where it is called otherwise, and "is_async" where what it returns is to be awaited
  fresh_setup   whether setup is called before every call of run, not only the first
  import_paths  folders put behind the standard library on sys.path, in this order
  before_stdlib     whether they go before it: the project has a module with the name of one in the library
  site_paths    folders added behind them with site.addsitedir, .pth files included
  late_paths    folders put after all others: the scenario folder, so that no file in it hides a package
  project       {"tree": the checkout, "origin": folder that its modules must come from, "prefix": path of the import
                root below the tree or ".", "packages": [top-level names]: imports find no others in import_paths,
                "namespaces": [dotted names] of folders there to be imported as namespace packages, whatever they hold,
                "placed": links in the tree to files that the build made and that are part of the environment}
  calls         calls in the growth pass after the first, fewer where these settle that nothing leaks. null: the most of
                127, 63, 31 and 15 that take at most growth_budget and an eighth of timeout, and an eighth of
                wall_seconds by the clock (15 in any case)
  growth_budget     CPU seconds for these calls. The pursuit of a suspected leak ends when three times as much is spent,
                but not before four times the calls
  timeout       CPU seconds of this process and its descendants together, after which the host ends them all; the
                pursuit of a suspected leak ends before
  wall_seconds  the same by the clock

The response is a JSON file, put in place by a rename, or in a file with .spare after its name where that fails. It
always has format, method (see METHOD), token and pid, and either:
  status        "measured"
  metrics       {name: integer}; where one cannot be measured here it is missing, and notes say why
  gc_objects    [before, after] the first call, where wanted;  types  [[name, before, after], ..] that grew most
  event         of "peak": [thread, call, running, line, rest]: the peak is reached between that call of that thread
                (counted from 1 and 0) and its next, and, where "peak" was given an event, after that many lines and
                returns of the thread "running"; rest: bytes that are allocated from there to the peak. Where it is
                missing, notes say why
  profiles      {kind: {"lines": [[path, line, function, source, size, count], ..],
                "stacks": [[size, count, [[path, line, function, source], ..]], ..],
                "types": [[path, line, type, number of instances], ..],
                "modules": [[name, origin, path, line, size], ..]}}, the biggest first; a part may be missing.
                Kinds: "alive", "retained", "import" (of "first": only modules), "peak", "leak", "calls".
                Only traces of many frames give stacks, types, and the last field of a line, its library. Stacks are
                whole, the outermost call first; the biggest 100, of imports 30. Types are the 50 most numerous. A block
                counts at the innermost line of the project that was executing, else of a scenario, else where it was
                allocated; library is the top-level module that allocated it, "" for the line itself.
                modules: sizes without what a module imports itself; path and line of the import statement that came
                first; origin is "project", "scenario", "library" or "stdlib". Two rows have origin "": "(other
                modules)" are those beyond 100 or below 1 KiB, "(freed later, or in no module)" is the rest of the sum,
                negative where modules allocated more while loading than was left at the end.
                "leak", where there is growth: what as many calls again added, scaled from fewer where calls are slow;
                missing where the time-out left no room. No stacks, but "survivors": [[path, line, type, repr], ..], a
                sample of the objects that these calls left alive.
                "leak", and "retained" of many frames where it is wanted, have "holders": [[path, line, number, [[path,
                line, text], ..]], ..], what keeps some objects alive, so many that were allocated at a line: the
                nearest holder first, with the line that assigns or defines it, 0 where none is known. The last one is
                a module, a function that runs, a context variable, the state of the scenario, "an object of C code"
                where the collector knows of none, or "..." where the search ended early.
                "calls" has only "sizes": [bytes alive after each call, above those before the first, ..], as far as
                calls were made
  calls         number of calls after the first that "growth" is judged by, also where fewer settle it; else null
  suspected     ["growth"] where a leak could not be pursued over four times the calls, as a note says: it may end
  notes         [sentence, ..]
  accesses      in "first", "growth", "rss" and "setup_cache": what the run accessed from before the scenario is loaded
                to the end of teardown.
                {"opened": [files], "queried": [paths], "listed": [folders], "native": bool, "obstacle": null}
                queried: paths whose existence or state was asked for, also in vain; all entries of a folder that was
                listed together with their states.
                Paths are absolute, normalised, sorted, and below the tree or the folder of scenarios; byte code stands
                for its source. Left out are Python's own installation, site_paths, the folder of the response,
                /dev/null and the like, and a query about a folder on the way to one of all these.
                native: an extension module from outside Python's own libraries was loaded, or sqlite was used
                obstacle: why other inputs may decide the result: another path was accessed, a process started, ..
  processes     in the same passes: how many processes the workload is known to have started; there may be more
or
  status        "failed"
  phase         "import", "setup", "run", "teardown";  kind  "exception" or "memory"
  reason        "ValueError: its first words"
  frames        [[path, line, function, source], ..], only the user's, outermost first

or
  status        "skipped";  reason: why the workload, as it says itself, is not to be measured here

A path is relative to the tree, or begins with <scenarios>, <site-packages> or <stdlib>, or is what the code says.
In "first" and "deep" the sizes add up: of "alive" to result + retained, of "retained" to retained, of the modules (in
"deep" also the lines) of "import" to import; but for some bytes on 3.11, where "deep" loads ctypes before the call.
Those of "peak" add up to about peak: what finding it adds is left out as far as it is known.

Without a request it only loads its own modules, so that their byte code is written (leave out -B).

Exit: 0 after delivery, through os._exit. Any other end, or none, is the workload's doing. The workload may print,
close, replace, fork or start anything. A child that it forks and that returns into the probe leaves silently.
"""

import sys

if __name__ == "__main__":
    # Every child compiles this file anew, so it is short. Python puts its folder on the path, where the workload must
    # not find it; the folder above is there until the probe is loaded.
    _folder = __file__.rpartition("/")[0]
    sys.path[:] = [_folder.rpartition("/")[0]] + [path for path in sys.path if path != _folder]
    from memharness_probe.loading import load

    load("child").child.main()
