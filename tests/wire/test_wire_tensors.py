"""Tensors and generators: bit for bit, with their sharing, or refused by name."""

from __future__ import annotations

import math
import struct
import tracemalloc

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from wire_ends import arrive, bits, cross, message_frame, receive_bytes, same

from grader.errors import WireError
from grader.wire import Encoder

# fmt: off
WIDTHS = {
    torch.float32: 4, torch.float64: 8, torch.float16: 2, torch.bfloat16: 2,
    torch.complex32: 4, torch.complex64: 8, torch.complex128: 16,
    torch.bool: 1, torch.int8: 1, torch.int16: 2, torch.int32: 4, torch.int64: 8,
    torch.uint8: 1, torch.uint16: 2, torch.uint32: 4, torch.uint64: 8,
    torch.float8_e4m3fn: 1, torch.float8_e5m2: 1, torch.float8_e4m3fnuz: 1, torch.float8_e5m2fnuz: 1,
}
# fmt: on
DTYPES = list(WIDTHS)
SHAPES = [(), (1,), (0,), (3,), (2, 0, 3), (2, 3), (1, 1, 1), (5, 4, 3, 2), (1025,), (70_000,)]


def random_bits(dtype: torch.dtype, shape: tuple[int, ...], seed: int = 0) -> torch.Tensor:
    """Any bits at all, so nan payloads, infinities and denormals too; a bool only as 0 or 1."""
    count = math.prod(shape) * WIDTHS[dtype]
    high = 2 if dtype is torch.bool else 256
    raw = torch.randint(0, high, (count,), dtype=torch.uint8, generator=torch.Generator().manual_seed(seed))
    return raw.view(dtype).reshape(shape)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_every_dtype_and_shape_arrives_bit_for_bit(dtype, shape):
    sent = random_bits(dtype, shape)
    arrived = arrive(sent)
    assert type(arrived) is torch.Tensor
    assert same(arrived, sent)
    assert arrived.is_contiguous()
    assert not arrived._is_view()


@settings(max_examples=80, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(DTYPES), st.lists(st.integers(0, 4), max_size=5), st.integers(0, 99)), max_size=6
    )
)
def test_many_tensors_in_one_message(recipes):
    sent = [random_bits(dtype, tuple(shape), seed) for dtype, shape, seed in recipes]
    arrived = arrive(sent)
    assert same(arrived, sent)


def test_float32_is_what_struct_says_it_is():
    body = struct.pack("<3f", 1.5, -0.0, math.inf).ljust(64, b"\0")
    message, _ = receive_bytes(message_frame({"x": {"tensor": 0}}, [[["float32", 0, 3]], [], []], body))
    assert [math.copysign(1, value) for value in message["x"].tolist()] == [1, -1, 1]
    assert message["x"].tolist() == [1.5, 0, math.inf]


BASE = torch.arange(24.0).reshape(2, 3, 4)
COMPLEX = torch.complex(torch.arange(6.0), torch.arange(6.0) + 10).reshape(2, 3)


@pytest.mark.parametrize(
    "tensor",
    [
        BASE.transpose(0, 2),
        BASE[:, 1],
        BASE[..., ::2],
        BASE[1:, 1:, 1:],
        BASE[0, 0, 0],
        torch.tensor([7.0]).expand(3, 4),
        torch.arange(4).expand(1000, 3, 4).bfloat16(),
        torch.arange(4).bfloat16().expand(2, 4),
        torch.randn(2, 3, 4, 5).to(memory_format=torch.channels_last),
        COMPLEX.conj(),
        COMPLEX.conj().imag,
        COMPLEX.mH,
        COMPLEX.conj()[1:],
        torch.tensor([[True, False]]).T,
        torch.arange(9).unfold(0, 3, 1),
        torch.ones(2, 3).as_strided((2, 2), (1, 1), 1),
    ],
    ids=range(16),
)
def test_a_lone_tensor_arrives_contiguous_whatever_it_was(tensor):
    arrived = arrive(tensor)
    assert arrived.tolist() == tensor.tolist()
    assert (arrived.dtype, arrived.shape) == (tensor.dtype, tensor.shape)
    assert arrived.is_contiguous()
    assert not arrived.is_conj()
    assert not arrived.is_neg()
    assert arrived.untyped_storage().nbytes() == arrived.numel() * arrived.element_size()


def test_what_arrives_can_be_resized_and_written():
    arrived, other = arrive([torch.arange(3.0), torch.arange(3.0)])
    arrived.resize_(100).fill_(9)
    assert other.tolist() == [0, 1, 2]


def test_requires_grad_is_kept_and_arrives_at_a_leaf():
    leaf = torch.randn(3, requires_grad=True)
    arrived = arrive({"leaf": leaf, "product": leaf * 2, "plain": leaf.detach().clone()})
    assert [tensor.requires_grad for tensor in arrived.values()] == [True, True, False]
    assert all(tensor.is_leaf for tensor in arrived.values())
    assert arrived["product"].tolist() == (leaf * 2).tolist()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.complex64])
@pytest.mark.parametrize("requires_grad", [True, False])
def test_a_parameter_arrives_as_one(dtype, requires_grad):
    sent = nn.Parameter(torch.randn(2, 3).to(dtype), requires_grad=requires_grad)
    arrived = arrive(sent)
    assert type(arrived) is nn.Parameter
    assert arrived.requires_grad is requires_grad
    assert torch.equal(arrived, sent)


def test_an_integer_parameter():
    assert type(arrive(nn.Parameter(torch.arange(3), requires_grad=False))) is nn.Parameter


class TestSubclasses:
    def test_one_that_hides_behind_torch_function_arrives_plain(self):
        class Loud(torch.Tensor):
            @classmethod
            def __torch_function__(cls, *_args: object, **_kwargs: object) -> object:
                raise SystemExit("the subclass's code ran")

        arrived = arrive(torch.arange(3.0).as_subclass(Loud))
        assert type(arrived) is torch.Tensor
        assert arrived.tolist() == [0, 1, 2]

    def test_one_that_dispatches_arrives_plain(self):
        class Dispatching(torch.Tensor):
            @classmethod
            def __torch_dispatch__(cls, *_args: object, **_kwargs: object) -> object:
                raise SystemExit("the subclass's code ran")

        sent = torch.Tensor._make_subclass(Dispatching, torch.arange(3.0), True)
        arrived = arrive(sent)
        assert (arrived.tolist(), arrived.requires_grad) == ([0, 1, 2], True)

    def test_a_subclass_of_parameter_arrives_as_a_parameter(self):
        class Weight(nn.Parameter):
            pass

        arrived = arrive(Weight(torch.arange(3.0)))
        assert type(arrived) is nn.Parameter
        assert arrived.requires_grad
        assert arrived.tolist() == [0, 1, 2]

    @pytest.mark.parametrize(
        "policy",
        [{}, {"dispatch_sizes_strides_policy": "sizes"}, {"dispatch_device": True}, {"dispatch_layout": True}],
        ids=str,
    )
    def test_one_without_data_is_refused(self, policy):
        class Wrapper(torch.Tensor):
            @staticmethod
            def __new__(cls):
                return torch.Tensor._make_wrapper_subclass(cls, (3,), dtype=torch.float32, **policy)

            @classmethod
            def __torch_dispatch__(cls, *_args: object, **_kwargs: object) -> object:
                raise SystemExit("the subclass's code ran")

        with pytest.raises(WireError, match=r"class \S+Wrapper, without data of its own, cannot be sent"):
            cross({"x": Wrapper()})


@pytest.mark.filterwarnings("ignore::UserWarning")
class TestRefused:
    @pytest.mark.parametrize(
        ("make", "kind"),
        [
            (lambda: torch.eye(3).to_sparse(), "a sparse tensor"),
            (lambda: torch.eye(3).to_sparse_csr(), "a sparse_csr tensor|a sparse tensor"),
            (lambda: torch.quantize_per_tensor(torch.randn(3), 0.1, 0, torch.qint8), "a quantized tensor"),
            (lambda: torch.empty(3, device="meta"), "a meta tensor"),
            (lambda: torch.empty(0, device="meta"), "a meta tensor"),
            (lambda: torch.nested.nested_tensor([torch.ones(2), torch.ones(3)]), "a nested tensor"),
            (lambda: torch.randn(3).to_mkldnn(), "a mkldnn tensor"),
            (lambda: torch._efficientzerotensor((3,)), "without data of its own"),
            (lambda: torch.empty(2, dtype=torch.bits8), "a bits8 tensor"),
        ],
    )
    def test_by_kind(self, make, kind):
        for value in (make(), [torch.ones(2), make()], [make(), make()]):
            with pytest.raises(WireError, match=rf"({kind}).* cannot be sent"):
                cross({"x": value})

    def test_a_tensor_inside_vmap(self):
        refused = []

        def inside(tensor: torch.Tensor) -> torch.Tensor:
            with pytest.raises(WireError, match="cannot be sent") as caught:
                _ = _encoded(tensor)
            refused.append(caught)
            return tensor

        torch.vmap(inside)(torch.randn(3, 2))
        torch.func.grad(lambda tensor: inside(tensor).sum())(torch.randn(3))
        assert len(refused) == 2

    def test_more_than_it_shows(self):
        """An expanded tensor of a terabyte lies in four bytes."""
        huge = torch.zeros(1).expand(1 << 38)
        for value in (huge, [huge, huge], [huge[:3], huge], huge.bfloat16, torch.zeros(1).bfloat16().expand(1 << 40)):
            with pytest.raises(WireError):
                _encoded(value)

    def test_what_shows_too_much_is_never_written_out(self):
        wide = torch.zeros(1).expand((128 << 20) + 1)
        tracemalloc.start()
        try:
            with pytest.raises(WireError, match="show more than"):
                _encoded([wide, torch.zeros(2)])
            assert tracemalloc.get_traced_memory()[1] < 8 << 20
        finally:
            tracemalloc.stop()

    def test_a_conjugate_that_shows_a_terabyte(self):
        with pytest.raises(WireError, match="show more than"):
            _encoded(torch.zeros(1, dtype=torch.complex64).expand(1 << 37).conj())

    def test_too_many(self):
        empty = [torch.empty(0) for _ in range(10_001)]
        with pytest.raises(WireError, match="more than 10000 tensors"):
            Encoder().encode(empty)


def _encoded(value: object) -> object:
    encoder = Encoder()
    encoder.encode(value)
    return encoder.table


def memory(tensor: torch.Tensor) -> int:
    return tensor.untyped_storage().data_ptr()


class TestSharing:
    def test_one_tensor_twice_arrives_as_one_object(self):
        tensor = torch.arange(3.0)
        message, decoder = cross({"a": tensor, "b": [tensor, (tensor,)]})
        assert message["a"] is message["b"][0] is message["b"][1][0]
        assert len(decoder.tensors) == 1

    def test_one_parameter_twice_stays_tied(self):
        weight = nn.Parameter(torch.randn(2, 2))
        first, second = arrive([weight, weight])
        assert first is second

    def test_equal_tensors_stay_apart(self):
        first, second = arrive([torch.ones(3), torch.ones(3)])
        first.zero_()
        assert second.tolist() == [1, 1, 1]

    def test_different_messages_share_nothing(self):
        tensor = torch.ones(3)
        assert memory(arrive(tensor)) != memory(arrive(tensor)) != memory(tensor)

    @pytest.mark.parametrize(
        "views",
        [
            lambda t: [t, t[0]],
            lambda t: [t[0], t[1]],
            lambda t: [t[:, 1:], t[:, :-1], t],
            lambda t: [t, t.T],
            lambda t: [t.T, t.reshape(-1)],
            lambda t: list(t.chunk(2, dim=1)),
            lambda t: [t[0].expand(3, 4), t[1]],
            lambda t: [t[1, 2], t[3]],
            lambda t: [t, t.detach()],
            lambda t: [t, t.view(torch.int32)],
            lambda t: [t.view(torch.uint8)[1:, 5:], t[2:]],
            lambda t: [t.view(torch.uint8)[0, 1:6], t.view(torch.uint8)[0, 3:9]],
            lambda t: [t.as_strided((3, 3), (1, 1), 2), t[0]],
            lambda t: [t, t[:0], torch.empty(0)],
            lambda t: [t[0], nn.Parameter(t[1])],
        ],
        ids=range(15),
    )
    def test_views_arrive_sharing(self, views):
        sent = views(torch.arange(16.0).reshape(4, 4))
        arrived = arrive(sent)
        for before, after in zip(sent, arrived, strict=True):
            assert type(after) is type(before)
            assert (after.dtype, after.shape) == (before.dtype, before.shape)
            assert bits(after) == bits(before)
            assert not after._is_view()
        solid = [pair for pair in zip(sent, arrived, strict=True) if pair[0].numel()]
        assert len({memory(after) for _, after in solid}) == 1
        assert [after.stride() for _, after in solid] == [before.stride() for before, _ in solid]
        distances = {before.data_ptr() - after.data_ptr() for before, after in solid}
        assert len(distances) == 1, "their places in memory relative to each other"

    @settings(max_examples=60, deadline=None)
    @given(st.data())
    def test_a_write_through_one_view_is_seen_through_all(self, data):
        shape = data.draw(st.lists(st.integers(1, 4), min_size=1, max_size=3))
        base = torch.arange(math.prod(shape), dtype=torch.float32).reshape(shape)
        views = []
        for _ in range(data.draw(st.integers(2, 4))):
            view = base
            for dim in range(base.dim()):
                start = data.draw(st.integers(0, view.shape[dim] - 1))
                length = data.draw(st.integers(1, view.shape[dim] - start))
                view = view.narrow(dim, start, length)
            views.append(view.permute(data.draw(st.permutations(range(base.dim())))))
        arrived = arrive(views)
        chosen = data.draw(st.integers(0, len(views) - 1))
        for group in (views, arrived):
            group[chosen].fill_(-1.0)
        assert [view.tolist() for view in arrived] == [view.tolist() for view in views]

    def test_only_the_covered_span_travels(self):
        huge = torch.zeros(10_000_000)
        huge[5_000_000:5_000_008] = torch.arange(8.0)
        encoder = Encoder()
        views = arrive([huge[5_000_000:5_000_006], huge[5_000_002:5_000_008]], encoder=encoder)
        assert [view.tolist() for view in views] == [[0, 1, 2, 3, 4, 5], [2, 3, 4, 5, 6, 7]]
        assert sum(len(buffer) for buffer in encoder.buffers) <= 8 * 4 + 16

    def test_a_conjugate_shares_with_its_origin(self):
        origin = torch.tensor([1 + 2j, 3 - 1j])
        arrived, conjugate, negative = arrive([origin, origin.conj(), origin.conj().imag])
        assert conjugate.is_conj()
        assert negative.is_neg()
        assert conjugate.tolist() == [1 - 2j, 3 + 1j]
        arrived[0] = 7 + 8j
        assert (conjugate[0].item(), negative[0].item()) == (7 - 8j, -8)

    def test_bools_share_as_bools(self):
        flags = torch.tensor([True, False, True])
        whole, part = arrive([flags, flags[1:]])
        whole[1] = True
        assert part.tolist() == [True, True]

    def test_leaves_that_share_memory_keep_their_gradients_apart(self):
        base = torch.arange(4.0)
        first, second = arrive([base[:3].requires_grad_(), base[1:].requires_grad_()])
        (first.sum() * 2 + second.sum() * 3).backward()
        assert (first.grad.tolist(), second.grad.tolist()) == ([2, 2, 2], [3, 3, 3])

    def test_a_write_through_one_view_counts_for_all(self):
        base = torch.arange(4.0)
        first, second = arrive([base, base[1:]])
        second.add_(1)
        assert first._version == second._version == 1

    def test_two_arrays_over_one_memory(self):
        array = torch.arange(4.0).numpy()
        first, second = arrive([torch.from_numpy(array), torch.from_numpy(array)])
        first[0] = 9
        assert second[0] == 9


class TestGenerators:
    @pytest.mark.parametrize("drawn", [0, 1, 5, 623, 624, 625, 2000])
    def test_it_goes_on_where_it_was(self, drawn):
        sent = torch.Generator().manual_seed(17)
        torch.rand(drawn, generator=sent)
        torch.randn(1, generator=sent)
        arrived = arrive(sent)
        assert torch.equal(torch.randn(999, generator=arrived), torch.randn(999, generator=sent))
        assert arrived.initial_seed() == 17

    def test_one_generator_twice_is_one(self):
        sent = torch.Generator()
        encoder = Encoder()
        message, decoder = cross({"a": sent, "b": (sent, torch.Generator())}, encoder=encoder)
        assert message["a"] is message["b"][0] is decoder.generators[0]
        assert message["b"][1] is decoder.generators[1]
        assert encoder.generators[0] is sent
        assert len(encoder.generators) == len(decoder.generators) == 2

    def test_drawing_there_does_not_draw_here(self):
        sent = torch.Generator().manual_seed(1)
        before = sent.get_state()
        torch.rand(5, generator=arrive(sent))
        assert torch.equal(sent.get_state(), before)

    def state(self, left: int = 1, seeded: int = 1, following: int = 0, double: int = 0, single: int = 0) -> bytes:
        state = bytearray(5056)
        struct.pack_into("<QiiQ", state, 0, 3, left, seeded, following)
        state[5040], state[5052] = double, single
        return bytes(state)

    def receive(self, state: bytes) -> torch.Generator:
        body = state + bytes(-len(state) % 64)
        return receive_bytes(message_frame({"g": {"generator": 0}}, [[], [0], [len(state)]], body))[0]["g"]

    def test_a_state_written_by_hand(self):
        assert self.receive(self.state()).initial_seed() == 3
        assert self.receive(self.state(left=1, following=624)).initial_seed() == 3

    @pytest.mark.parametrize(
        "change",
        [
            # torch itself accepts this one, and reads 2.5 kB beyond its own array on the next draws
            {"left": 624, "following": 624},
            {"left": 2, "following": 624},
            {"left": 0},
            {"left": -1},
            {"left": 625},
            {"following": 625},
            {"following": 2**63},
            {"seeded": 0},
            {"seeded": 2},
            {"double": 2},
            {"single": 2},
        ],
        ids=str,
    )
    def test_a_state_that_no_generator_has(self, change):
        with pytest.raises(WireError, match="state is impossible"):
            self.receive(self.state(**change))

    @pytest.mark.parametrize("size", [0, 1, 5055, 5057, 16])
    def test_a_state_of_another_size(self, size):
        with pytest.raises(WireError, match="wrong size"):
            self.receive(self.state()[:size].ljust(size, b"\0"))


def test_nothing_draws_from_the_global_generator():
    before = torch.get_rng_state()
    arrive([torch.Generator(), torch.ones(3), nn.Parameter(torch.ones(3))])
    assert torch.equal(torch.get_rng_state(), before)
