"""A simulated estate behind real WS-Management. It is a simulation: docs/lab-behaviours.md says what stands behind each answer."""
