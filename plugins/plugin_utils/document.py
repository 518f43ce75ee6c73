# Copyright (c) 2026 the biztalk.fault_tolerance authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

"""A YAML file as plain data that still knows on which line everything stands, and gathers what is wrong with it."""

import pathlib

import yaml


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
    """YAML as Ansible reads it, but a date stays the text that was written."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


class Document:
    """*data*: the file as plain data, None where it cannot be read. *problems*: sentences with file and line.

    A place within the file is a tuple of keys and indices, as ``(0, "expect", 1, "query")``.
    """

    def __init__(self, path, problems):
        self.path = pathlib.Path(path)
        self.problems = problems
        self._lines = {}
        self.data = None
        try:
            loader = _Loader(self.path.read_text(encoding="utf-8"))
            node = loader.get_single_node()
            self.data = self._plain(loader, node, ()) if node else None
        except OSError as error:
            self.problems.append(f"{self.path}: cannot be read: {error.strerror}")
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            self.problems.append(f"{self.path}:{mark.line + 1}: is not YAML: {error.problem}")
        except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
            self.problems.append(f"{self.path}: is not YAML: {str(error).splitlines()[0]}")

    def _plain(self, loader, node, at):
        self._lines[at] = node.start_mark.line + 1
        if isinstance(node, yaml.MappingNode):
            made = {}
            for key, value in node.value:
                name = key.value if isinstance(key, yaml.ScalarNode) else "?"
                if name in made:
                    self.problems.append(f"{self.path}:{key.start_mark.line + 1}: {name} stands here twice")
                made[name] = self._plain(loader, value, at + (name,))
                self._lines[at + (name,)] = key.start_mark.line + 1
            return made
        if isinstance(node, yaml.SequenceNode):
            return [self._plain(loader, value, at + (index,)) for index, value in enumerate(node.value)]
        return loader.construct_object(node)

    def origin(self, at):
        """``file:line`` of a place; of the nearest one around it where it is not there itself."""
        while at not in self._lines and at:
            at = at[:-1]
        return f"{self.path}:{self._lines.get(at, 1)}"

    def problem(self, at, sentence):
        self.problems.append(f"{self.origin(at)}: {sentence}")

    def mapping(self, data, at, required, optional=(), what="here"):
        """Whether *data* is a mapping with every required key and no unknown one; what is wrong becomes a problem."""
        if not isinstance(data, dict):
            self.problem(at, f"{what} must be a mapping with {', '.join(required)}")
            return False
        allowed = tuple(required) + tuple(optional)
        unknown = [key for key in data if key not in allowed]
        missing = [key for key in required if key not in data]
        for key in unknown:
            self.problem(at + (key,), f"{key} is unknown in {what}; allowed: {', '.join(allowed)}")
        for key in missing:
            self.problem(at, f"{key} is missing in {what}")
        return not unknown and not missing

    def text(self, data, at, what):
        """Whether *data* is a text that says something."""
        good = isinstance(data, str) and bool(data.strip())
        if not good:
            self.problem(at, f"{what} must be a text that is not empty")
        return good

    def texts(self, data, at, what, least=0):
        """Whether *data* is a list of texts, of at least so many."""
        if not isinstance(data, list) or len(data) < least:
            self.problem(at, f"{what} must be a list of texts{', and not an empty one' if least else ''}")
            return False
        good = [self.text(part, at + (index,), f"each of {what}") for index, part in enumerate(data)]
        return all(good)
