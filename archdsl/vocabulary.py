"""What people of torch, Keras, Caffe, darknet and papers call what has another name here. One table, of data only.

Keys are written without case and underscores, as `squashed` makes them. Torch's classes tell their input's channels
first and Keras' do not, so two spellings of one word may need different words of advice: `Conv2d` and `Conv2D`.
"""

from __future__ import annotations

from typing import Final, NamedTuple


class Word(NamedTuple):
    """What a word means here."""

    meant: str | None  # None: there is nothing of that kind
    help: str = ""  # what to write, where another name alone does not do it

    @property
    def alike(self) -> bool:
        """Whether only the name differs: what its arguments say, they say here."""
        return self.meant is not None and not self.help


def squashed(name: str) -> str:
    return name.replace("_", "").lower()


def operator(name: str) -> Word | None:
    """What people call by a name that no operator has; None where nobody is known to."""
    return SPELLED.get(name) or OPERATORS.get(squashed(name))


def parameter(name: str) -> tuple[Word, ...]:
    """The parameters that people call by a name, of which an operator may have one; then what else there is to say."""
    advice = (Word(None, ADVICE[name]),) if name in ADVICE else ()
    return (*map(Word, PARAMETERS.get(squashed(name), ())), *advice)


def opposite(one: str, other: str) -> bool:
    """Whether two words differ in that one says the opposite, or another kind, of what the other says."""
    return any(one.replace(a, b) == other or one.replace(b, a) == other for a, b in OPPOSITES)


def _alike(**words: str) -> dict[str, Word]:
    return {word: Word(meant) for meant, called in words.items() for word in called.split()}


def _dims(words: str) -> str:
    """Words, each also with the number of its dimensions behind it."""
    return " ".join(f"{word}{dims}" for word in words.split() for dims in ("", "1d", "2d", "3d"))


def _advised(meant: str | None, help: str, words: str) -> dict[str, Word]:
    return {word: Word(meant, help) for word in words.split()}


OPPOSITES: Final = [
    tuple(pair.split("/"))
    for pair in (
        "max/min avg/max avg/min mean/max sum/max lp/max up/down in/out left/right top/bottom enc/dec pre/post add/sub "
        "mul/div row/col first/last start/end global/adaptive local/global soft/hard un/ de/ log/ lower/upper even/odd"
    ).split()
]
_CHANNELS: Final = "the input's channels are known: write"
_NOTHING: Final = "no operator does this; one of your own can: `archdsl --operators FILE`"

# Where the same letters mean different things in torch and in Keras.
SPELLED: Final[dict[str, Word]] = {
    **{f"Conv{dims}": Word("conv") for dims in ("1D", "2D", "3D")},
    **{f"Conv{dims}Transpose": Word("conv_transpose") for dims in ("1D", "2D", "3D")},
    **{f"Dropout{dims}": Word(None, _NOTHING) for dims in ("1d", "3d")},
    "GroupNormalization": Word("group_norm"),
    "Convolution": Word("conv"),
    "Slice": Word("split", "Caffe's Slice is `split(sizes, dim = 1)`; `slice(start, end, dim = 1)` takes one part"),
    "Split": Word("split", "a value may be used several times; `split(sizes, dim = 1)` cuts it into parts"),
    "Permute": Word("permute", "write `permute([0, 2, 1])`, the batch included"),
    "Reshape": Word("reshape", "write `reshape([N, …])`, the batch included"),
    "Parameter": Word("parameter", "write `parameter([…])`, with its shape"),
    "Buffer": Word("buffer", "write `buffer([…])`, with its shape"),
}

OPERATORS: Final[dict[str, Word]] = {
    **_alike(
        silu="swish",
        linear="dense fc fullyconnected innerproduct connected lazylinear",
        concat="cat concatenate concatenated concatenation",
        conv="convolutional lazyconv lazyconv1d lazyconv2d lazyconv3d",
        conv_transpose="deconv deconvolution deconvolutional transposedconv convtransposed",
        batch_norm=_dims("bn batchnorm batchnormalization lazybatchnorm"),
        layer_norm="ln layernormalization",
        rms_norm="rms rmsnormalization rmslayernorm",
        group_norm="gn",
        instance_norm=_dims("instancenorm instancenormalization lazyinstancenorm"),
        local_response_norm="lrn localresponsenormalization responsenorm",
        max_pool=_dims("maxpool maxpooling"),
        avg_pool=_dims("avgpool averagepooling averagepool avgpooling"),
        lp_pool=_dims("lppool"),
        adaptive_avg_pool=_dims("adaptiveavgpool adaptiveaveragepool adaptiveaveragepooling"),
        adaptive_max_pool=_dims("adaptivemaxpool adaptivemaxpooling"),
        global_avg_pool=_dims("gap globalaveragepooling globalaveragepool globalavgpooling globalavgpool"),
        reshape="view",
        unsqueeze="expanddims",
        matmul="mm bmm batchmatmul",
        mul="multiply",
        sub="subtract",
        div="divide truediv",
        abs="absolute absval",
        clamp="clip clipbyvalue",
        sign="signum",
        normalize="l2normalize",
        to="cast astype",
        dropout2d="spatialdropout spatialdropout2d featuredropout",
        prelu="parametricrelu",
        mean="reducemean",
        sum="reducesum",
        embedding="embed lookup embeddinglookup",
        drop_path="stochasticdepth droppath",
        sigmoid="logistic",
        hardsigmoid="hsigmoid",
        hardswish="hswish",
        leaky_relu="lrelu leaky leakyrelu",
        identity="noop passthrough",
        scaled_dot_product_attention="sdpa dotproductattention scaleddotproduct",
        channel_shuffle="shufflechannel shufflechannels",
        pixel_shuffle="pixelshuffle",
        cross_entropy="crossentropyloss ce softmaxwithloss",
        mse_loss="mse mseloss meansquarederror",
        l1_loss="l1 l1loss mae meanabsoluteerror",
        smooth_l1_loss="smoothl1 smoothl1loss",
        nll_loss="nll nllloss negativeloglikelihood",
        kl_div="kl kldivloss kldivergence kullbackleibler kullbackleiblerdivergence",
        binary_cross_entropy="bce bceloss binarycrossentropyloss",
        huber_loss="huber",
        triplet_margin_loss="triplet tripletloss",
        ctc_loss="ctc",
        binary_cross_entropy_with_logits="bcewithlogits bcewithlogitsloss sigmoidcrossentropyloss",
    ),
    **_advised("conv", f"{_CHANNELS} `conv(out_channels, kernel_size)`", "conv1d conv2d conv3d convolution"),
    **_advised(
        "conv",
        f"{_CHANNELS} `conv(c, 3, groups = c)`, with `c` those channels",
        "depthwise depthwiseconv depthwiseconv2d",
    ),
    **_advised(
        "conv",
        "write it as two steps: `conv(c, 3, groups = c) -> conv(out_channels, 1)`",
        "separableconv separableconv2d",
    ),
    **_advised(
        "conv_transpose",
        f"{_CHANNELS} `conv_transpose(out_channels, kernel_size)`",
        "convtranspose convtranspose1d convtranspose2d convtranspose3d",
    ),
    **_advised("conv_transpose", "write `conv_transpose`, or `interpolate` and `conv`", "upconv upconvolution"),
    **_advised("group_norm", f"{_CHANNELS} `group_norm(num_groups)`", "groupnorm"),
    **_advised(
        "interpolate",
        "write `interpolate(scale_factor = 2)`; a number alone is the size",
        "upsample upsampling upsampling1d upsampling2d upsampling3d upsamplenearest upsamplingnearest2d resize",
    ),
    **_advised(
        "interpolate",
        "write `interpolate(scale_factor = 2, mode = bilinear)`",
        "upsamplebilinear upsamplingbilinear2d bilinearupsampling",
    ),
    **_advised(
        "permute", "write `permute([0, 2, 1])`, which names all dimensions in their new order",
        "transpose swapaxes swapdims movedim moveaxis t",
    ),
    **_advised(
        "multihead_attention",
        "write `multihead_attention(query, key, value, num_heads)`; the width is known",
        "mha multiheadattn multiheadattention selfattention",
    ),
    **_advised("scaled_dot_product_attention", "write `scaled_dot_product_attention(q, k, v)`", "attention"),
    **_advised("add", "write `a + b`", "eltwise shortcut residual"),
    **_advised("maximum", "write `maximum(a, b)` for the larger of two tensors", "max"),
    **_advised(None, "write `a @ b`, or `matmul(a, b)`", "dot"),
    **_advised("slice", "write `slice(start, end, dim = 1)`", "narrow crop"),
    **_advised("split", "write `split(sizes, dim = 1)`, or `chunk(n, dim = 1)`", "unbind tensorsplit"),
    **_advised("reshape", "write `reshape([...])`, with the sizes", "viewas reshapeas"),
    **_advised("expand", "write `expand(like)`", "expandas broadcastto"),
    **_advised("flatten", "write `flatten`", "ravel"),
    **_advised("zeros", "write `zeros(sizes)`, which makes a tensor; nothing is changed in its place", "zero"),
    **_advised(
        "pad", "write `pad([left, right, top, bottom])`",
        "zeropad zeropad1d zeropad2d zeropad3d zeropadding zeropadding1d zeropadding2d zeropadding3d constantpad "
        "constantpad1d constantpad2d constantpad3d",
    ),
    **_advised(
        "pad", "write `pad([left, right, top, bottom], mode = …)`",
        "reflectionpad reflectionpad1d reflectionpad2d reflectionpad3d replicationpad replicationpad1d "
        "replicationpad2d replicationpad3d circularpad circularpad1d circularpad2d circularpad3d",
    ),
    **_advised(
        "cross_entropy",
        "write `cross_entropy`, which takes logits: leave the softmax before it out",
        "categoricalcrossentropy sparsecategoricalcrossentropy softmaxcrossentropy",
    ),
    **_advised("adaptive_avg_pool", "write `adaptive_avg_pool(size)`, or `global_avg_pool`", "pooling"),
    **_advised("adaptive_max_pool", "write `adaptive_max_pool(1)`", _dims("globalmaxpool globalmaxpooling gmp")),
    **_advised("mul", "write `a * b`", "scale prod"),
    **_advised(None, "`archdsl report` shows the shapes", "print"),
    **_advised("softplus", "write `softplus`", "softrelu"),
    **_advised(None, "braces are a sequence: `x -> { a -> b }`", "sequential"),
    **_advised(
        None,
        "this is a block of several layers: write it once, `block name(x, width) { x -> … }`, and call it by its name",
        "bottleneck basicblock residualblock resblock denseblock denselayer transition inceptionblock mbconv "
        "fusedmbconv invertedresidual squeezeexcite squeezeexcitation se seblock selayer cbam convbn convbnrelu "
        "convbnact convnormact convblock doubleconv c2f c3 c3k2 c2psa sppf aspp ppm fpn pan unetblock mlp feedforward "
        "ffn swiglu geglu reglu encoderlayer decoderlayer transformerblock swinblock convnextblock patchembed focus",
    ),
    **_advised("interpolate", "write `interpolate(scale_factor = 2)`", "upscale upsampleconv nearestupsample"),
    **_advised("normalize", "write `normalize(dim = -1)`; without it, it goes along the channels", "unitnormalization"),
    **_advised(
        "max_pool",
        "write `max_pool`; the places of the maxima are no second output",
        "maxpool1dwithindices maxpool2dwithindices maxpool3dwithindices adaptivemaxpool1dwithindices "
        "adaptivemaxpool2dwithindices adaptivemaxpool3dwithindices fractionalmaxpool2dwithindices "
        "fractionalmaxpool3dwithindices",
    ),
    **_advised(None, "write `for i in range(n) { … }` or `repeat n { … }`", "modulelist"),
    **_advised(None, "an input is declared by its shape: `network Net(x: [N, 3, 224, 224])`", "input inputlayer"),
    **_advised(None, "a value is `parameter([…])`; `archdsl explain` says more", "tensor zeros ones full"),
    **_advised(None, "write `(a + b) / 2`", "average"),
    **_advised(None, "write the activation itself: `relu`", "activation"),
    **_advised("pixel_unshuffle", "`pixel_unshuffle` orders the channels in another way", "spacetodepth reorg"),
    **_advised("pixel_shuffle", "`pixel_shuffle` orders the channels in another way", "depthtospace"),
    # Names of torch and Keras for which there is no operator, some of which are one letter away from one that there is.
    **_advised(
        None,
        _NOTHING,
        """
        dropout1d dropout3d neg negative expm1 log2 log10 log1p square tan asin acos atan sinh cosh asinh acosh atanh
        erf erfc ceil trunc frac minimum amax amin aminmax fmax fmin select masked maskedselect cumprod argsort
        unique scatter take fliplr flipud rot90 repeatinterleave einsum tensordot outer inner cross vectornorm
        varmean stdmean median mode logaddexp logdet det inverse svd qr rrelu hardshrink softshrink tanhshrink
        softsign threshold gumbelsoftmax crelu maxout quickgelu syncbatchnorm weightnorm spectralnorm alphadropout
        featurealphadropout dropblock gaussiandropout gaussiannoise im2col col2im affinegrid bilinear bilinear2d
        embeddingbag onehot maxunpool1d maxunpool2d maxunpool3d fractionalmaxpool fractionalmaxpool2d
        fractionalmaxpool3d adaptivelogsoftmax cosinesimilarity pairwisedistance cdist pdist linearattention
        softmax2d lstmcell grucell rnncell transformer transformerencoder transformerdecoder transformerencoderlayer
        transformerdecoderlayer hingeembeddingloss marginrankingloss multimarginloss multilabelmarginloss
        multilabelsoftmarginloss softmarginloss tripletmarginwithdistanceloss poissonnllloss gaussiannllloss
        crossmaplrn2d crossmaplrn localresponse addmm addbmm baddbmm addcmul addcdiv lerp heaviside hypot logit sinc
        sgn signbit equal isnan isinf isfinite any all not and or xor bernoulli multinomial normal poisson arange
        linspace logspace eye diag diagonal trace kron bincount histc meshgrid nonzero numel hstack vstack dstack
        columnstack rowstack blockdiag bucketize searchsorted fft ifft stft istft relu1 elish telu silence
        argmaxlayer bnll mvn power reduction rerange spp hinge infogainloss contrastiveloss yolo region detection
        route crnn local softpool blurpool rnnt unpool unpooling concatblend convtbc groupedmm scaledmm
        scaledgroupedmm linearcrossentropy linearcrossentropyloss multiheadattentionforward nativechannelshuffle
        adaptivelogsoftmaxwithloss rnnbase rnncellbase module moduledict parameterdict parameterlist dataparallel
        container lazyconvtranspose lazyconvtranspose1d lazyconvtranspose2d lazyconvtranspose3d
        """,
    ),
}  # fmt: skip
# What parameters are called elsewhere: each may be any of several, of which an operator has one.
PARAMETERS: Final[dict[str, tuple[str, ...]]] = {
    word: tuple(meant.split())
    for meant, words in {
        "out_channels out_features": "filters numoutput units outchannels outfeatures channels features nout cout",
        "kernel_size": "kernel kernelsize k ksize filtersize kernelshape poolsize window windowsize",
        "stride": "strides subsample",
        "padding pad": "pad pads padding",
        "dilation": "dilations dilationrate",
        "groups num_groups": "group numgroups groups ngroups",
        "bias": "usebias biasterm",
        "eps": "epsilon",
        "dim dims": "axis axes dims dimension",
        "keepdim": "keepdims",
        "negative_slope": "alpha slope leak leakiness",
        "scale_factor": "scale scales factor",
        "upscale_factor": "r blocksize upscale",
        "num_heads": "heads nhead nheads numheads",
        "p": "rate dropoutrate dropprob prob probability droprate",
        "num_embeddings": "vocabsize numtokens vocab inputdim",
        "embedding_dim": "embeddim outputdim embeddingsize hiddensize",
        "init": "kernelinitializer weightinit initializer",
        "bias_init": "biasinitializer",
        "output_size": "outputsize outsize",
        "affine elementwise_affine": "affine elementwiseaffine",
        "normalized_shape": "normalizedshape shape",
        "shape": "size sizes outputshape newshape targetshape",
        "norm_type": "normtype norm",
    }.items()
    for word in words.split()
}

# Parameters that are no parameters here.
ADVICE: Final[dict[str, str]] = {
    **dict.fromkeys(
        "in_channels in_features num_features num_channels input_size input_shape input_dim embed_dim".split(),
        "leave it out: it is known from the input",
    ),
    "inplace": "leave it out: what torch may overwrite is no matter of a spec",
    "activation": "write it as a step of its own: `-> relu`",
    "name": "a label names a layer: `x -> name: step`",
    "device": "a mark says where a layer runs: `device gpu0`, and `step @gpu0`",
    "trainable": "a mark keeps weights from training: `step @frozen`",
    "keep_prob": "write `p`, the share that is dropped: 1 less what is kept",
    "dtype": "all is computed in one type; `archdsl report --memory --dtype` counts for others",
    "data_format": "leave it out: channels come before positions",
    "channels_last": "leave it out: channels come before positions",
    "batch_first": "leave it out: the batch comes first",
}
