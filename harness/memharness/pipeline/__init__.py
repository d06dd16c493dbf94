"""Where the stages meet: opening a project, measuring what is missing, judging what is stored."""
