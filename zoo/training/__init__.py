"""What training needs besides Lightning: states that survive, averaged weights, loggers, folds, distillation."""
