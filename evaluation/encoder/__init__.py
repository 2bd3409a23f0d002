"""An encoder tagger: a transformers model for token classification, fine-tuned on examples.

It needs the extra `train`. A model is a folder or an id of the Hub. Its weights must be safetensors, and code
of its own is never run.

A sentence that is too long for the model is read in windows that overlap by about half; each word is learned
and tagged once, in the window that shows most words around it.
"""

from .loading import model_folder, require_train_extra
from .settings import RECIPES, EncoderSettings, settings_by_recipe
from .tagger import EncoderTagger
from .training_facts import TrainingFacts

__all__ = [
    "RECIPES",
    "EncoderSettings",
    "EncoderTagger",
    "TrainingFacts",
    "model_folder",
    "require_train_extra",
    "settings_by_recipe",
]
