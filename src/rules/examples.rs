//! Holds lists to their own examples: what each term must find and what it must not.

use crate::{
    config::Config,
    normalize::normalize,
    scan::{
        Scanner,
        wordlist::{self, Example, Wordlist, WordlistError},
    },
};

/// Every example of every list that its term does not keep, with the allow terms of all lists.
pub fn unmet(lists: &[Wordlist]) -> Vec<WordlistError> {
    let allow: Vec<Wordlist> = lists
        .iter()
        .map(|list| Wordlist { terms: Vec::new(), examples: Vec::new(), ..list.clone() })
        .collect();
    let with_examples = lists.iter().filter(|list| !list.examples.is_empty());
    with_examples.flat_map(|list| unmet_by(list, &allow)).collect()
}

/// The same for a configuration's own lists; what cannot be read says nothing here. A reload asks
/// no such thing: a list that misses its own examples still does more than none.
pub fn unmet_by_own(config: &Config) -> Vec<String> {
    let embedded = config.wordlists.embedded.then(wordlist::embedded).and_then(Result::ok);
    let mut lists = embedded.unwrap_or_default();
    // The lists of the binary were held to theirs before it was shipped.
    lists.iter_mut().for_each(|list| list.examples.clear());
    let paths = config.wordlists.paths.iter();
    lists.extend(paths.filter_map(|path| wordlist::read(path).ok()).flatten());
    unmet(&lists).iter().map(ToString::to_string).collect()
}

/// Each list is scanned alone: of two that find the same place only one has the hit.
fn unmet_by(list: &Wordlist, allow: &[Wordlist]) -> Vec<WordlistError> {
    let at =
        |line: usize, cause: String| WordlistError { file: list.name.to_string(), line, cause };
    let alone = [allow, std::slice::from_ref(list)].concat();
    let scanner = match Scanner::build(&alone) {
        Ok(scanner) => scanner,
        Err(cause) => return vec![at(0, cause)],
    };
    let unmet = |example: &Example| {
        let term = &list.terms[example.term];
        let hits = scanner.scan(&normalize(&example.text), &[]);
        let found = hits.iter().any(|hit| *hit.term == *term.text && hit.list == list.name);
        (found != example.guilty).then(|| {
            let what = if found { "finds" } else { "does not find" };
            at(example.line, format!("{:?} {what} its example {:?}", term.text, example.text))
        })
    };
    list.examples.iter().filter_map(unmet).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scan::wordlist::parse;

    #[test]
    fn each_broken_promise_is_named() {
        let text = "3 word blorp\n+ a blorp\n+ a blorps\n- a blorp\n- on blorp street\n\
                    2 word blorps\n+ blorps\n1 word:fr!en gremlo\n+ t'es un gremlo\n- a gremlo\n\
                    - gremlo\n+ you gremlo\n";
        let list = parse("xx/hate", "hate.txt", text).expect("the list is good");
        let allow = parse("xx/allow", "allow.txt", "blorp street\n").expect("the list is good");
        let same = parse("yy/hate", "hate.txt", "4 word blorp\n").expect("the list is good");
        let unmet: Vec<String> =
            unmet(&[same, list, allow]).iter().map(ToString::to_string).collect();
        let expected = [
            "xx/hate:3: \"blorp\" does not find its example \"a blorps\"",
            "xx/hate:4: \"blorp\" finds its example \"a blorp\"",
            "xx/hate:12: \"gremlo\" does not find its example \"you gremlo\"",
        ];
        assert_eq!(unmet, expected);
    }
}
