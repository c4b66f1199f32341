"""What the examples share: small models, texts, and a stand-in for a model."""
