"""Lifecycle transitions: what they raise is logged, in one line where a user can mend it."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from typing import Any

from rclpy.lifecycle import TransitionCallbackReturn

from autoseg3d_core.config import ConfigError
from autoseg3d_core.structures import InputError


def attempt(
    name: str, action: Callable[[], object], logger: Any, undo: Callable[[], object] = lambda: None
) -> TransitionCallbackReturn:
    """Run a transition; return SUCCESS, FAILURE and undo it for what a user can mend, or ERROR."""
    try:
        action()
    except (InputError, ConfigError) as error:
        logger.error(f"cannot {name}: {error}")
    except ImportError as error:
        logger.error(f"cannot {name}: {error}; run `autoseg3d doctor` to see how to fix it")
    except Exception:
        logger.error(f"cannot {name}:\n{traceback.format_exc()}")
        return TransitionCallbackReturn.ERROR
    else:
        return TransitionCallbackReturn.SUCCESS
    undo()
    return TransitionCallbackReturn.FAILURE
