"""Calls with arguments that do not fit of which Octavo and PyTorch are known to say something different, and why.

A line is a pattern of rows' names, a regular expression, and the reason.
"""

# Octavo refuses, in the words of the expression, what PyTorch takes.
REFUSED = (
)

# Octavo takes what PyTorch refuses, in the words of the expression.
ACCEPTED = (
)

# Both take it, and Octavo's answer is of another type: in the words of the expression.
OTHER_TYPES = (
)
