"""One polynomial."""


def parameter_count(*, n_layer, d_model, n_vocab, n_ctx):
    if n_layer < 1:
        raise ValueError("n_layer < 1")
    if d_model < 1:
        raise ValueError("d_model < 1")
    if n_vocab < 1:
        raise ValueError("n_vocab < 1")
    if n_ctx < 1:
        raise ValueError("n_ctx < 1")
    return d_model * (n_vocab + n_ctx + 2 + n_layer * (12 * d_model + 13))
