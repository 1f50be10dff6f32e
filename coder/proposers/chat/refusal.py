"""A refusal in prose, by the words that models refuse with."""

from __future__ import annotations

import re

_REFUSAL = re.compile(
    r"""
    \A[\W_]*
    (?: (?: (?:i'm|i\ am|we're|we\ are)\ (?:\w+\ )?sorry | sorry | apologies | my\ apologies
          | i\ (?:\w+\ )?apologi[sz]e | unfortunately | as\ an?\ [\w\ -]{0,30}(?:ai|model|assistant)
          | thank\ you\ for\ [^.,;]{0,60} )
        [\s,.;:!—–-]* (?:but\ |that\ |because\ )? )*
    (?:i|we)(?:'m|\ am|'re|\ are|'ll|\ will)?\ (?:\w+\ )?
    (?: (?:can't|cannot|can\ not|could\ not|won't|not|unable\ to|not\ able\ to|not\ allowed\ to)
        \ (?:be\ able\ to\ )?(?:\w+\ )?
        (?: assist | help(?!\ (?:but|\w+ing)\b) | comply | fulfill? | engage | participate
          | discuss | do\ (?:this|that) | continue\ with | process\ (?:this|that|your)
          | respond\ to\ (?:this|that|your) | answer\ (?:this|that|your)
          | provide\ (?:this|that|help|assistance) )
      | (?:must|have\ to|need\ to)\ (?:\w+\ )?(?:decline|refuse)
      | decline | refuse )\b
    """,
    re.VERBOSE | re.IGNORECASE,
)


def refuses(text: str) -> bool:
    """Whether ``text``, which holds no answer, declines to give one.

    It must begin with that, in English: one that gives up for want of a code is not a refusal.
    """
    return _REFUSAL.match(" ".join(text.replace("’", "'").split())) is not None
