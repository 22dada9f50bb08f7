"""`autoseg3d weights`: lists bundled and published weights, and fetches some when asked."""

from __future__ import annotations

import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("name", nargs="?", help="which weights to download; without it, all are listed")
    parser.add_argument("--sha256", default="", help="refuse a file with another sha256")


def run(args: argparse.Namespace) -> int:
    """List or fetch; returns the exit code."""
    from autoseg3d_core.checkpoints.weights import APACHE, BUNDLED, PUBLISHED, cache_folder, fetch
    from autoseg3d_core.visualization.report import text_table

    if args.name is None:
        here = cache_folder()
        rows = [(name, about, APACHE, "bundled") for name, about in BUNDLED.items()]
        rows += [
            (name, p.about, p.licence, "yes" if (here / p.file_name).exists() else "no")
            for name, p in PUBLISHED.items()
        ]
        print(text_table(("name", "what", "licence", "fetched"), rows))
        return 0
    path, sha256 = fetch(args.name, args.sha256)
    published = PUBLISHED[args.name]
    print(f"{path}\nfrom    {published.url}\nsha256  {sha256}\nlicence {published.licence}")
    return 0
