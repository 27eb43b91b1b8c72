//! Checks a model file before a runtime sees it: operators, sizes, nothing outside of itself.
//!
//! A runtime is a large program that was not written for files from strangers. What reaches it is
//! one graph of known arithmetic, with every weight inside and as large as it says; no graph in
//! the graph, so no loops, and no functions. Field numbers are those of `onnx.proto`.

use std::ops::RangeInclusive;

use super::wire::{Field, Fields, Value, count_varints, varint};

/// A file beyond these is a mistake, or was made to be one.
pub const FILE_BYTES_MAX: usize = 64 * 1024 * 1024;
const NODES_MAX: usize = 10_000;
const TENSORS_MAX: usize = 10_000;
const EDGES_MAX: usize = 64;
const ATTRIBUTES_MAX: usize = 32;
const DIMS_MAX: usize = 8;
const NAME_BYTES_MAX: usize = 512;
/// Below, operators mean other things; above, nothing has been tried.
const OPSETS: RangeInclusive<u64> = 13..=21;

pub const INPUT: &str = "ids";
pub const OUTPUT: &str = "p";
const FLOAT: u64 = 1;
const INT32: u64 = 6;

/// What a classifier of texts needs. All of it is arithmetic on tensors: nothing here loops, reads
/// a file, draws by chance or keeps a state.
const OPERATORS: &str = "\
    Abs Add And ArgMax AveragePool BatchNormalization Cast Clip Concat Constant \
    ConstantOfShape Conv ConvInteger CumSum DequantizeLinear Div DynamicQuantizeLinear Elu \
    Equal Erf Exp Expand Flatten Floor Gather GatherElements Gelu Gemm GlobalAveragePool \
    GlobalMaxPool Greater GreaterOrEqual Identity LayerNormalization LeakyRelu Less \
    LessOrEqual Log MatMul MatMulInteger Max MaxPool Min Mod Mul Neg Not Or Pad Pow \
    QuantizeLinear Range Reciprocal ReduceMax ReduceMean ReduceMin ReduceSum Relu Reshape \
    Round Shape Sigmoid Sign Slice Softmax Softplus Split Sqrt Squeeze Sub Tanh Transpose \
    Trilu Unsqueeze Where";

/// Whether a file may be given to a runtime, and answers with one number for each of `heads`.
///
/// # Errors
/// The first thing that is wrong.
pub fn check(file: &[u8], heads: usize) -> Result<(), String> {
    if file.len() > FILE_BYTES_MAX {
        return Err(format!("larger than {FILE_BYTES_MAX} bytes"));
    }
    let (mut graph, mut opset) = (None, None);
    for field in Fields::of(file) {
        let Field { number, value } = field?;
        match number {
            // Who made it and when.
            1..=6 | 14 => {}
            7 => once(&mut graph, value.bytes()?, "graph")?,
            8 => check_opset(value.bytes()?, &mut opset)?,
            20 => return Err("it holds instructions for training".to_owned()),
            25 => return Err("it holds functions".to_owned()),
            other => return Err(format!("an unknown part, number {other}")),
        }
    }
    match opset {
        Some(version) if OPSETS.contains(&version) => {}
        Some(version) => return Err(format!("operators of version {version} are not known")),
        None => return Err("no version of its operators".to_owned()),
    }
    check_graph(graph.ok_or("no graph")?, heads as u64)
}

/// Merging what comes twice, as protobuf does, would make a part that nobody has looked at.
fn once<T>(place: &mut Option<T>, value: T, what: &str) -> Result<(), String> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(format!("{what} twice")),
    }
}

fn check_opset(import: &[u8], opset: &mut Option<u64>) -> Result<(), String> {
    let (mut domain, mut version) = (None, None);
    for field in Fields::of(import) {
        let Field { number, value } = field?;
        match number {
            1 => once(&mut domain, value.bytes()?, "a domain")?,
            2 => once(&mut version, value.number()?, "a version")?,
            other => return Err(format!("an unknown part of a version, number {other}")),
        }
    }
    // What others a file knows of does not matter: none of their operators is let in.
    match is_own(domain.unwrap_or_default()) {
        true => once(opset, version.unwrap_or_default(), "the operators' version"),
        false => Ok(()),
    }
}

/// Whether a domain is that of the format's own operators.
fn is_own(domain: &[u8]) -> bool {
    domain.is_empty() || domain == b"ai.onnx"
}

fn check_graph(graph: &[u8], heads: u64) -> Result<(), String> {
    let (mut nodes, mut tensors) = (0, 0);
    let (mut input, mut output) = (None, None);
    for field in Fields::of(graph) {
        let Field { number, value } = field?;
        match number {
            1 => {
                nodes += 1;
                check_node(value.bytes()?, &mut tensors)?;
            }
            5 => {
                tensors += 1;
                check_tensor(value.bytes()?)?;
            }
            11 => once(&mut input, value.bytes()?, "an input")?,
            12 => once(&mut output, value.bytes()?, "an output")?,
            // Its name, what was said of it, and shapes that runtimes work out themselves.
            2 | 10 | 13 | 14 | 16 => {}
            15 => return Err("it holds sparse weights".to_owned()),
            other => return Err(format!("an unknown part of the graph, number {other}")),
        }
        if nodes > NODES_MAX || tensors > TENSORS_MAX {
            return Err(format!("more than {NODES_MAX} nodes or {TENSORS_MAX} tensors"));
        }
    }
    let input = value_info(input.ok_or("no input")?)?;
    let wanted = ValueInfo { name: INPUT.as_bytes(), kind: INT32, dims: vec![None, None] };
    if input != wanted {
        return Err(format!("its input is {input}, not {wanted}"));
    }
    let output = value_info(output.ok_or("no output")?)?;
    let wanted = ValueInfo { name: OUTPUT.as_bytes(), kind: FLOAT, dims: vec![None, Some(heads)] };
    let unsaid = ValueInfo { dims: vec![None, None], ..wanted.clone() };
    if output != wanted && output != unsaid {
        return Err(format!("its output is {output}, not {wanted}"));
    }
    Ok(())
}

fn check_node(node: &[u8], tensors: &mut usize) -> Result<(), String> {
    let (mut operator, mut domain) = (None, None);
    let (mut edges, mut attributes) = (0, 0);
    for field in Fields::of(node) {
        let Field { number, value } = field?;
        match number {
            1 | 2 => {
                edges += 1;
                check_name(value.bytes()?)?;
            }
            3 => check_name(value.bytes()?)?,
            4 => once(&mut operator, value.bytes()?, "an operator")?,
            5 => {
                attributes += 1;
                check_attribute(value.bytes()?, tensors)?;
            }
            7 => once(&mut domain, value.bytes()?, "a domain")?,
            6 | 9 => {}
            other => return Err(format!("an unknown part of a node, number {other}")),
        }
    }
    let operator = String::from_utf8_lossy(operator.ok_or("a node without an operator")?);
    if !is_own(domain.unwrap_or_default()) || !OPERATORS.split(' ').any(|known| known == operator) {
        let operator: String = operator.chars().filter(|c| !c.is_control()).take(64).collect();
        return Err(format!("the operator {operator:?} is not let in"));
    }
    if edges > EDGES_MAX || attributes > ATTRIBUTES_MAX {
        return Err(format!(
            "a node with more than {EDGES_MAX} edges or {ATTRIBUTES_MAX} settings"
        ));
    }
    Ok(())
}

fn check_attribute(attribute: &[u8], tensors: &mut usize) -> Result<(), String> {
    let mut tensor = None;
    for field in Fields::of(attribute) {
        let Field { number, value } = field?;
        match number {
            1 => check_name(value.bytes()?)?,
            5 => once(&mut tensor, value.bytes()?, "a setting")?,
            // Numbers, texts, and of what kind it is.
            2..=4 | 7..=9 | 13 | 20 => {}
            6 | 11 => return Err("it holds a graph in its graph".to_owned()),
            other => return Err(format!("an unknown part of a setting, number {other}")),
        }
    }
    let Some(tensor) = tensor else { return Ok(()) };
    *tensors += 1;
    check_tensor(tensor)
}

/// A tensor holds all of its numbers itself, and exactly as many as its shape says.
fn check_tensor(tensor: &[u8]) -> Result<(), String> {
    let (mut dims, mut kind, mut raw, mut typed) = (Vec::new(), None, None, 0u64);
    for field in Fields::of(tensor) {
        let Field { number, value } = field?;
        match number {
            1 => read_dims(value, &mut dims)?,
            2 => once(&mut kind, value.number()?, "a kind")?,
            4 | 5 | 7 | 10 | 11 => typed = typed.saturating_add(count(number, value)?),
            8 => check_name(value.bytes()?)?,
            9 => once(&mut raw, value.bytes()?.len() as u64, "a tensor's bytes")?,
            12 | 16 => {}
            14 if value.number()? == 0 => {}
            13 | 14 => return Err("its weights lie in another file".to_owned()),
            3 | 6 => return Err("it holds a tensor in parts, or one of texts".to_owned()),
            other => return Err(format!("an unknown part of a tensor, number {other}")),
        }
        if dims.len() > DIMS_MAX {
            return Err(format!("a tensor of more than {DIMS_MAX} dimensions"));
        }
    }
    let size = element_bytes(kind.unwrap_or_default()).ok_or("a tensor of an unknown kind")?;
    let elements = dims.iter().try_fold(1u64, |product, dim| product.checked_mul(*dim));
    let elements = elements.ok_or("a tensor larger than any memory")?;
    let fits = match raw {
        Some(bytes) => typed == 0 && elements.checked_mul(size) == Some(bytes),
        None => typed == elements,
    };
    match fits {
        true => Ok(()),
        false => Err("a tensor that does not hold what its shape says".to_owned()),
    }
}

/// One number, or several one after the other.
fn read_dims(value: Value, dims: &mut Vec<u64>) -> Result<(), String> {
    let mut rest = match value {
        Value::Number(dim) => {
            dims.push(dim);
            return Ok(());
        }
        other => other.bytes()?,
    };
    while !rest.is_empty() && dims.len() <= DIMS_MAX {
        dims.push(varint(&mut rest).ok_or("a dimension that is cut off")?);
    }
    Ok(())
}

/// How many numbers stand in a field of a tensor.
fn count(number: u32, value: Value) -> Result<u64, String> {
    let bytes = match value {
        Value::Bytes(bytes) => bytes,
        _ => return Ok(1),
    };
    let width = match number {
        4 => 4,
        10 => 8,
        _ => return count_varints(bytes).ok_or("a number that is cut off".to_owned()),
    };
    match bytes.len() % width {
        0 => Ok((bytes.len() / width) as u64),
        _ => Err("a number that is cut off".to_owned()),
    }
}

/// The width of a number, by the format's own list of kinds.
fn element_bytes(kind: u64) -> Option<u64> {
    match kind {
        2 | 3 | 9 => Some(1),
        4 | 5 | 10 | 16 => Some(2),
        FLOAT | INT32 | 12 => Some(4),
        7 | 11 | 13 => Some(8),
        _ => None,
    }
}

fn check_name(name: &[u8]) -> Result<(), String> {
    match name.len() <= NAME_BYTES_MAX {
        true => Ok(()),
        false => Err(format!("a name of more than {NAME_BYTES_MAX} bytes")),
    }
}

/// What goes in or comes out; a dimension without a number is free.
#[derive(Clone, PartialEq, Eq)]
struct ValueInfo<'a> {
    name: &'a [u8],
    kind: u64,
    dims: Vec<Option<u64>>,
}

impl std::fmt::Display for ValueInfo<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let name = String::from_utf8_lossy(self.name);
        let name: String = name.chars().filter(|c| !c.is_control()).take(64).collect();
        write!(f, "{name:?} of kind {} with shape [", self.kind)?;
        for (index, dim) in self.dims.iter().enumerate() {
            let gap = if index == 0 { "" } else { ", " };
            match dim {
                Some(dim) => write!(f, "{gap}{dim}")?,
                None => write!(f, "{gap}?")?,
            }
        }
        f.write_str("]")
    }
}

fn value_info(info: &[u8]) -> Result<ValueInfo<'_>, String> {
    let (mut name, mut kind) = (None, None);
    for field in Fields::of(info) {
        let Field { number, value } = field?;
        match number {
            1 => once(&mut name, value.bytes()?, "a name")?,
            2 => once(&mut kind, value.bytes()?, "a type")?,
            3 | 4 => {}
            other => return Err(format!("an unknown part of an input, number {other}")),
        }
    }
    let tensor = sole(kind.ok_or("an input or output without a type")?, 1)?;
    let (mut element, mut shape) = (None, None);
    for field in Fields::of(tensor) {
        let Field { number, value } = field?;
        match number {
            1 => once(&mut element, value.number()?, "a kind")?,
            2 => once(&mut shape, value.bytes()?, "a shape")?,
            other => return Err(format!("an unknown part of a type, number {other}")),
        }
    }
    let mut dims = Vec::new();
    for field in Fields::of(shape.ok_or("an input or output without a shape")?) {
        dims.push(dimension(field?.value.bytes()?)?);
        if dims.len() > DIMS_MAX {
            return Err(format!("a shape of more than {DIMS_MAX} dimensions"));
        }
    }
    let (name, kind) = (name.unwrap_or_default(), element.unwrap_or_default());
    Ok(ValueInfo { name, kind, dims })
}

fn dimension(dim: &[u8]) -> Result<Option<u64>, String> {
    let mut size = None;
    for field in Fields::of(dim) {
        let Field { number, value } = field?;
        if number == 1 {
            once(&mut size, value.number()?, "a dimension")?;
        }
    }
    Ok(size)
}

/// The one field of a message that may hold one of several, where it is the wanted one.
fn sole(message: &[u8], wanted: u32) -> Result<&[u8], String> {
    let mut found = None;
    for field in Fields::of(message) {
        let Field { number, value } = field?;
        match number == wanted {
            true => once(&mut found, value.bytes()?, "a type")?,
            // What the type means is said in words.
            false if number == 6 => {}
            false => return Err("an input or output that is no tensor".to_owned()),
        }
    }
    found.ok_or_else(|| "an input or output that is no tensor".to_owned())
}
