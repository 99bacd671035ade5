"""The four kinds of failure; each is told to a person and decides whether a retry makes sense."""


class TaskError(Exception):
    """A failure that can be explained.

    kind: user (wrong input), retryable (try again later), terminal (this attempt cannot succeed here), bug.
    code: snake_case, for programs. message: what happened. hint: what to do.
    """

    def __init__(self, kind: str, code: str, message: str, hint: str):
        super().__init__(message)
        self.kind, self.code, self.message, self.hint = kind, code, message, hint

    def as_json(self) -> dict:
        return {"kind": self.kind, "code": self.code, "message": self.message, "hint": self.hint}


def user_error(code: str, message: str, hint: str) -> TaskError:
    return TaskError("user", code, message, hint)


def retryable_error(code: str, message: str, hint: str) -> TaskError:
    return TaskError("retryable", code, message, hint)


def terminal_error(code: str, message: str, hint: str) -> TaskError:
    return TaskError("terminal", code, message, hint)


class Interrupted(Exception):
    """SIGTERM arrived and what was worth keeping has been saved: leave without a result."""
