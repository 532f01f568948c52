def parameter_count(*, n_layer: int, d_model: int, n_vocab: int, n_ctx: int) -> int:
    """Trainable parameters of a GPT decoder: tied embeddings, learned positions, biases everywhere, a final norm."""
    raise NotImplementedError
