"""Where on the face a model's signal came from, and which skin carries the pulse best."""
