//! Tries model files that hold what no runtime may see, and bytes that are none.

use proptest::prelude::*;
use tidegate::score::check_file;

const HEADS: usize = 2;

/// A field that holds bytes.
fn part(number: u64, bytes: &[u8]) -> Vec<u8> {
    let mut field = varint(number << 3 | 2);
    field.extend(varint(bytes.len() as u64));
    field.extend(bytes);
    field
}

fn number(number: u64, value: u64) -> Vec<u8> {
    [varint(number << 3), varint(value)].concat()
}

fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value > 0x7f {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

/// What goes in or comes out; 0 is a dimension without a number.
fn value(name: &str, kind: u64, dims: &[u64]) -> Vec<u8> {
    let dim = |dim: &u64| match dim {
        0 => part(1, &part(2, b"free")),
        dim => part(1, &number(1, *dim)),
    };
    let shape: Vec<u8> = dims.iter().flat_map(dim).collect();
    let tensor = part(1, &[number(1, kind), part(2, &shape)].concat());
    [part(1, name.as_bytes()), part(2, &tensor)].concat()
}

fn ids() -> Vec<u8> {
    part(11, &value("ids", 6, &[0, 0]))
}

fn p() -> Vec<u8> {
    part(12, &value("p", 1, &[0, HEADS as u64]))
}

/// A tensor of so many numbers of four bytes.
fn weights(dims: &[u64], bytes: usize) -> Vec<u8> {
    let dims: Vec<u8> = dims.iter().flat_map(|dim| number(1, *dim)).collect();
    [dims, number(2, 1), part(8, b"w"), part(9, &vec![0; bytes])].concat()
}

fn node(operator: &str) -> Vec<u8> {
    let edges = [part(1, b"ids"), part(1, b"w"), part(2, b"p")].concat();
    part(1, &[edges, part(4, operator.as_bytes())].concat())
}

fn model(graph: &[&[u8]]) -> Vec<u8> {
    [number(1, 8), part(2, b"a test"), part(7, &graph.concat()), opset(17)].concat()
}

fn opset(version: u64) -> Vec<u8> {
    part(8, &number(2, version))
}

/// A whole model, with something more in its graph.
fn with(more: &[u8]) -> Vec<u8> {
    model(&[&ids(), &p(), &node("MatMul"), &part(5, &weights(&[2, 3], 24)), more])
}

fn tensor(fields: &[&[u8]]) -> Vec<u8> {
    with(&part(5, &fields.concat()))
}

fn setting(field: &[u8]) -> Vec<u8> {
    let constant = [part(4, b"Constant"), part(5, &[part(1, b"value"), field.to_vec()].concat())];
    with(&part(1, &constant.concat()))
}

#[test]
fn a_whole_model_is_let_in() {
    for (what, file) in [
        ("plain", with(&[])),
        ("an output of unsaid width", {
            model(&[&ids(), &part(12, &value("p", 1, &[0, 0])), &node("Add")])
        }),
        ("operators of others that are not used", {
            [with(&[]), part(8, &[part(1, b"com.x"), number(2, 1)].concat())].concat()
        }),
        ("a constant", setting(&part(5, &weights(&[1], 4)))),
        (
            "numbers by kind",
            tensor(&[&part(1, &[2, 2]), &number(2, 7), &part(7, &[1, 2, 0x80, 1, 3])]),
        ),
        ("an empty tensor", tensor(&[&number(1, 0), &number(2, 1)])),
    ] {
        assert_eq!(check_file(&file, HEADS), Ok(()), "{what}");
    }
}

#[test]
fn what_no_runtime_may_see_is_refused() {
    let elsewhere = [part(1, b"location"), part(2, b"/etc/passwd")].concat();
    let domain = [part(4, b"MatMul"), part(7, b"com.microsoft")].concat();
    let other_ids = part(11, &value("more", 6, &[0, 0]));
    for (what, file, said) in [
        ("nothing", vec![], "no version"),
        ("text", b"hello there, this is no model".to_vec(), "an unknown part"),
        ("a loop", with(&node("Loop")), "\"Loop\" is not let in"),
        ("an unknown operator", with(&node("Blorp\u{1b}")), "\"Blorp\" is not let in"),
        ("an operator of another", with(&part(1, &domain)), "\"MatMul\" is not let in"),
        ("no operator", with(&part(1, &part(1, b"ids"))), "without an operator"),
        ("two operators", with(&part(1, &[part(4, b"Add"), part(4, b"Loop")].concat())), "twice"),
        ("a graph within", setting(&part(6, &[])), "a graph in its graph"),
        ("graphs within", setting(&part(11, &[])), "a graph in its graph"),
        ("sparse weights", with(&part(15, &[])), "sparse weights"),
        ("a sparse setting", setting(&part(22, &[])), "number 22"),
        ("functions", [with(&[]), part(25, &[])].concat(), "functions"),
        ("training", [with(&[]), part(20, &[])].concat(), "training"),
        ("two graphs", [with(&[]), with(&[])].concat(), "graph twice"),
        ("old operators", with(&[]).iter().map(|b| if *b == 17 { 9 } else { *b }).collect(), "9"),
        ("external data", tensor(&[&weights(&[1], 4), &part(13, &elsewhere)]), "another file"),
        ("data elsewhere", tensor(&[&weights(&[1], 4), &number(14, 1)]), "another file"),
        ("a tensor in parts", tensor(&[&weights(&[1], 4), &part(3, &[])]), "in parts"),
        ("too few bytes", tensor(&[&weights(&[1 << 40], 4)]), "what its shape says"),
        ("too many bytes", tensor(&[&weights(&[1], 8)]), "what its shape says"),
        ("two kinds of data", tensor(&[&weights(&[1], 4), &part(4, &[0; 4])]), "its shape says"),
        ("no memory is so large", tensor(&[&weights(&[1 << 40, 1 << 40], 4)]), "any memory"),
        ("texts", tensor(&[&number(1, 1), &number(2, 8), &part(6, b"x")]), "one of texts"),
        ("an unknown kind", tensor(&[&number(1, 1), &number(2, 77)]), "unknown kind"),
        ("nine dimensions", tensor(&[&weights(&[1; 9], 4)]), "dimensions"),
        ("many dimensions", tensor(&[&part(1, &[1; 5000]), &number(2, 1)]), "dimensions"),
        ("a long name", tensor(&[&part(8, &[b'a'; 600]), &number(2, 1)]), "a name of more"),
        ("a second input", with(&other_ids), "an input twice"),
        ("no input", model(&[&p(), &node("Add")]), "no input"),
        ("no output", model(&[&ids(), &node("Add")]), "no output"),
        ("another input", model(&[&other_ids, &p()]), "its input is \"more\""),
        ("a fixed input", model(&[&part(11, &value("ids", 6, &[1, 0])), &p()]), "shape [1, ?]"),
        ("an input of floats", model(&[&part(11, &value("ids", 1, &[0, 0])), &p()]), "of kind 1"),
        ("three heads", model(&[&ids(), &part(12, &value("p", 1, &[0, 3]))]), "shape [?, 3]"),
        (
            "a sequence",
            model(&[&part(11, &[part(1, b"ids"), part(2, &part(4, &[]))].concat()), &p()]),
            "no tensor",
        ),
    ] {
        let cause = check_file(&file, HEADS).expect_err(what);
        assert!(cause.contains(said), "{what}: {cause}");
        assert!(!cause.contains('\u{1b}'), "{what}: {cause:?}");
    }
    let many = node("Add").repeat(10_001);
    assert!(check_file(&with(&many), HEADS).expect_err("too many").contains("10000 nodes"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    /// Whatever becomes of a file, the check ends, and does not panic.
    #[test]
    fn mutated_files_end_the_check(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        cut in any::<prop::sample::Index>(),
        cuts in any::<bool>(),
    ) {
        let mut file = setting(&part(5, &weights(&[1], 4)));
        for (at, byte) in changes {
            let at = at.index(file.len());
            file[at] = byte;
        }
        if cuts {
            file.truncate(cut.index(file.len()));
        }
        let _ = check_file(&file, HEADS);
    }

    #[test]
    fn any_bytes_end_the_check(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = check_file(&bytes, HEADS);
        let _ = check_file(&with(&bytes), HEADS);
        let _ = check_file(&tensor(&[&bytes]), HEADS);
    }
}
