"""One module a task; each has run(attempt) → (outputs, resources)."""
