"""What runs inside a Trainyard MacroTask: `python -m trainyard_runtime ATTEMPT_DIR`."""
