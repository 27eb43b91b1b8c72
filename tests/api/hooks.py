"""Keeps schemathesis from measuring a name in the path as the path encodes it."""

from urllib.parse import unquote

import schemathesis

# As the description has it for channels and senders.
NAME_CHARS_MAX = 512


@schemathesis.hook
def filter_path_parameters(context, path_parameters):
    """A name that fits, but not with its escapes, would count as one that must be refused."""
    names = [str(value) for value in (path_parameters or {}).values()]
    return not any(len(unquote(name)) <= NAME_CHARS_MAX < len(name) for name in names)
