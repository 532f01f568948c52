"""Trainable parameters of a GPT decoder (Radford et al. 2019; Brown et al. 2020, table 2.1)."""


def parameter_count(*, n_layer: int, d_model: int, n_vocab: int, n_ctx: int) -> int:
    """Count a decoder with tied embeddings, learned positions, biases everywhere and a final norm."""
    sizes = {"n_layer": n_layer, "d_model": d_model, "n_vocab": n_vocab, "n_ctx": n_ctx}
    for name, size in sizes.items():
        if size < 1:
            raise ValueError(f"{name} must be at least 1, got {size}")

    norm = 2 * d_model  # weight and bias
    attention = 4 * linear(d_model, d_model)  # query, key, value, output
    network = linear(d_model, 4 * d_model) + linear(4 * d_model, d_model)
    block = norm + attention + norm + network  # 12 d² + 13 d
    embeddings = (n_vocab + n_ctx) * d_model  # the output layer has the token embedding for its weight
    return embeddings + n_layer * block + norm


def linear(n_in: int, n_out: int) -> int:
    """Parameters of a linear layer with a bias."""
    return n_in * n_out + n_out
