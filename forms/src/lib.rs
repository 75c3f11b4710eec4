//! The forms people fill in: one TOML document, read with every problem at its place.
//!
//! Both the clerk's charters and the witness's configuration are such forms, and neither crate depends on the other; so
//! the reader stands beside them, and so do the [`card`]s that both write.
//!
//! *In*: a text. *Out*: typed values by key, and all problems at once.
//! *Refuses*: unknown keys, wrong types, values out of range; each is a [`Problem`] with line and column. One mistake is
//! one problem: what only follows from another is not told.

use std::cell::RefCell;
use std::fmt;
use std::ops::{Range, RangeInclusive};
use std::rc::Rc;
use std::str::FromStr;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

pub mod card;

/// One thing wrong in a form, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// What was given, what was wanted, how to mend it.
    pub says: String,
    /// The key that is missing, where that is the problem, with the tables it should stand in: `chain.charter`.
    pub missing: Option<String>,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.line, self.column, self.says)
    }
}

/// The text being read, and what was found wrong in it.
pub struct Source<'a> {
    text: &'a str,
    /// False where the text is no TOML: then what is read of it says nothing for certain.
    parsed: bool,
    problems: RefCell<Vec<Problem>>,
}

impl<'a> Source<'a> {
    /// Parses as far as the text can be parsed. Where it cannot, that is told and nothing else, since what seems missing or
    /// wrong elsewhere may follow from it.
    pub fn parse(text: &'a str) -> (Rc<Self>, Table<'a>) {
        let (document, errors) = DeTable::parse_recoverable(text);
        let source = Rc::new(Self {
            text,
            parsed: errors.is_empty(),
            problems: RefCell::default(),
        });
        // What comes after the first may follow from it, too.
        if let Some(error) = errors.first() {
            source.note(error.span().unwrap_or(0..0), error.message().to_owned(), None);
        }
        let table = Table {
            source: source.clone(),
            path: String::new(),
            span: 0..0,
            keys: document.into_inner(),
            asked: RefCell::default(),
            missing: Rc::default(),
            absent: None,
        };
        (source, table)
    }

    /// Notes a problem at a place, in bytes of the text.
    pub fn problem(&self, span: Range<usize>, says: String) {
        if self.parsed {
            self.note(span, says, None);
        }
    }

    fn note(&self, span: Range<usize>, says: String, missing: Option<String>) {
        // The parser may point inside a character that it did not expect.
        let mut start = span.start.min(self.text.len());
        while !self.text.is_char_boundary(start) {
            start -= 1;
        }
        let before = &self.text[..start];
        let line = before.matches('\n').count() + 1;
        let column = before.chars().rev().take_while(|&c| c != '\n').count() + 1;
        self.problems.borrow_mut().push(Problem {
            line,
            column,
            says,
            missing,
        });
    }

    /// All problems in the order of their places.
    pub fn problems(&self) -> Vec<Problem> {
        let mut all = self.problems.take();
        all.sort_by_key(|problem| (problem.line, problem.column));
        all.dedup();
        all
    }
}

/// A value with its place, so that checks across values can point at it.
#[derive(Clone, Debug)]
pub struct Placed<T> {
    /// What was read.
    pub value: T,
    /// Where, in bytes of the text.
    pub span: Range<usize>,
}

/// One table of the document. Each key is taken once; what is left when it is closed, nobody asked for.
pub struct Table<'a> {
    source: Rc<Source<'a>>,
    path: String,
    span: Range<usize>,
    keys: DeTable<'a>,
    /// Keys that were asked for, in that order: those the table may have.
    asked: RefCell<Vec<String>>,
    /// Keys not found: told in the end, unless a misspelling explains them.
    missing: Rc<RefCell<Vec<Missing>>>,
    /// For a section that the text has not: its key in the table above, which tells what it misses.
    absent: Option<String>,
}

/// What was not found.
struct Missing {
    /// The key whose misspelling would explain it.
    key: String,
    /// Its own, with the tables it should stand in.
    name: String,
    wanted: String,
}

impl Drop for Table<'_> {
    fn drop(&mut self) {
        if self.absent.is_none() && self.source.parsed {
            for Missing { name, wanted, .. } in self.missing.take() {
                let says = format!("{name} is missing, wanted {wanted}");
                self.source.note(self.span(), says, Some(name));
            }
        }
    }
}

impl<'a> Table<'a> {
    fn take(&mut self, key: &str) -> Option<Spanned<DeValue<'a>>> {
        self.ask(key);
        self.keys.remove(key)
    }

    fn ask(&self, key: &str) {
        let mut asked = self.asked.borrow_mut();
        if !asked.iter().any(|known| known == key) {
            asked.push(key.to_owned());
        }
    }

    fn name(&self, key: &str) -> String {
        if self.path.is_empty() {
            key.to_owned()
        } else {
            format!("{}.{key}", self.path)
        }
    }

    /// True where the key is there, whatever it holds.
    pub fn has(&self, key: &str) -> bool {
        self.ask(key);
        self.keys.contains_key(key)
    }

    /// What the table is read from; it outlives the table.
    pub fn source(&self) -> Rc<Source<'a>> {
        self.source.clone()
    }

    /// Where the table begins.
    pub fn span(&self) -> Range<usize> {
        self.span.clone()
    }

    /// Notes a problem at a place of the text.
    pub fn problem(&self, span: Range<usize>, says: String) {
        self.source.problem(span, says);
    }

    /// True where a key that nobody took may be a misspelling of this one. To be asked once all known keys are taken.
    pub fn misspelt(&self, key: &str) -> bool {
        let mut left = self.keys.keys();
        left.any(|given| nearest(given.get_ref(), &[key]).is_some())
    }

    /// Says that a key is missing and what it should hold.
    pub fn missing(&self, key: &str, wanted: &str) {
        self.missing.borrow_mut().push(Missing {
            key: self.absent.clone().unwrap_or_else(|| key.to_owned()),
            name: self.name(key),
            wanted: wanted.to_owned(),
        });
    }

    fn wrong(&self, key: &str, span: Range<usize>, given: &str, wanted: &str) {
        self.problem(
            span,
            format!("{}: given {given}, wanted {wanted}", self.name(key)),
        );
    }

    /// A text, turned into `T`; its error says what was wanted.
    pub fn text<T: FromStr>(&mut self, key: &str, wanted: &str) -> Option<Placed<T>>
    where
        T::Err: fmt::Display,
    {
        let value = self.take(key)?;
        let span = value.span();
        let Some(text) = value.get_ref().as_str() else {
            self.wrong(key, span, article(value.get_ref()), wanted);
            return None;
        };
        match text.parse() {
            Ok(value) => Some(Placed { value, span }),
            Err(error) => {
                let says = error.to_string();
                let says = if says.contains("wanted") {
                    says
                } else {
                    format!("given {text:?}, wanted {wanted}")
                };
                self.problem(span, format!("{}: {says}", self.name(key)));
                None
            }
        }
    }

    /// A text that must be there.
    pub fn must<T: FromStr>(&mut self, key: &str, wanted: &str) -> Option<Placed<T>>
    where
        T::Err: fmt::Display,
    {
        if !self.keys.contains_key(key) {
            self.missing(key, wanted);
        }
        self.text(key, wanted)
    }

    /// A whole number within bounds.
    pub fn number(&mut self, key: &str, bounds: RangeInclusive<u64>) -> Option<Placed<u64>> {
        let value = self.take(key)?;
        self.whole(key, &value, bounds)
    }

    fn whole(
        &self,
        key: &str,
        value: &Spanned<DeValue<'a>>,
        bounds: RangeInclusive<u64>,
    ) -> Option<Placed<u64>> {
        let wanted = format!("a whole number from {} to {}", bounds.start(), bounds.end());
        let Some(integer) = value.get_ref().as_integer() else {
            self.wrong(key, value.span(), article(value.get_ref()), &wanted);
            return None;
        };
        match u64::from_str_radix(integer.as_str(), integer.radix()) {
            Ok(number) if bounds.contains(&number) => Some(Placed {
                value: number,
                span: value.span(),
            }),
            _ => {
                self.wrong(key, value.span(), integer.as_str(), &wanted);
                None
            }
        }
    }

    /// A whole number that must be there.
    pub fn must_number(&mut self, key: &str, bounds: RangeInclusive<u64>) -> Option<Placed<u64>> {
        if !self.keys.contains_key(key) {
            self.missing(
                key,
                &format!("a whole number from {} to {}", bounds.start(), bounds.end()),
            );
        }
        self.number(key, bounds)
    }

    /// Whole numbers, exactly `count` of them.
    pub fn numbers(
        &mut self,
        key: &str,
        count: usize,
        bounds: RangeInclusive<u64>,
    ) -> Option<Placed<Vec<u64>>> {
        self.exactly(key, count, "whole numbers", |table, value| {
            table.whole(key, value, bounds.clone()).map(|placed| placed.value)
        })
    }

    /// Texts, exactly `count` of them, each turned into `T`.
    pub fn texts<T: FromStr>(&mut self, key: &str, count: usize, what: &str) -> Option<Placed<Vec<T>>>
    where
        T::Err: fmt::Display,
    {
        self.exactly(key, count, what, |table, value| table.parsed(key, value, what))
    }

    fn exactly<T>(
        &mut self,
        key: &str,
        count: usize,
        what: &str,
        one: impl Fn(&Self, &Spanned<DeValue<'a>>) -> Option<T>,
    ) -> Option<Placed<Vec<T>>> {
        let wanted = format!("{count} {what}");
        let Some(value) = self.take(key) else {
            self.missing(key, &wanted);
            return None;
        };
        let span = value.span();
        let list = match value.get_ref().as_array() {
            Some(list) if list.len() == count => list,
            Some(list) => {
                self.wrong(key, span, &list.len().to_string(), &wanted);
                return None;
            }
            None => {
                self.wrong(key, span, article(value.get_ref()), &wanted);
                return None;
            }
        };
        let all: Vec<T> = list.iter().filter_map(|item| one(self, item)).collect();
        (all.len() == count).then_some(Placed { value: all, span })
    }

    fn parsed<T: FromStr>(&self, key: &str, value: &Spanned<DeValue<'a>>, wanted: &str) -> Option<T>
    where
        T::Err: fmt::Display,
    {
        let Some(text) = value.get_ref().as_str() else {
            self.wrong(key, value.span(), article(value.get_ref()), wanted);
            return None;
        };
        match text.parse() {
            Ok(parsed) => Some(parsed),
            Err(error) => {
                self.problem(value.span(), format!("{}: {error}", self.name(key)));
                None
            }
        }
    }

    /// Texts, as many as there are; none where what is given is no list of texts.
    pub fn names(&mut self, key: &str) -> Option<Vec<Placed<String>>> {
        let Some(value) = self.take(key) else {
            return Some(Vec::new());
        };
        let Some(list) = value.get_ref().as_array() else {
            self.wrong(key, value.span(), article(value.get_ref()), "a list of names");
            return None;
        };
        list.iter()
            .map(|item| {
                self.parsed(key, item, "a name").map(|value| Placed {
                    value,
                    span: item.span(),
                })
            })
            .collect()
    }

    /// A table under this one.
    pub fn table(&mut self, key: &str) -> Option<Table<'a>> {
        let value = self.take(key)?;
        self.open(key, value)
    }

    /// A table that must be there.
    pub fn must_table(&mut self, key: &str) -> Option<Table<'a>> {
        if !self.keys.contains_key(key) {
            self.missing(key, &format!("a [{key}] table"));
        }
        self.table(key)
    }

    /// A table under this one, all of whose keys have defaults or are asked for by `must`: where it is missing or no
    /// table, it reads as empty and begins where this one does. It is to be done with before this one is.
    pub fn section(&mut self, key: &str) -> Table<'a> {
        let missing = if self.has(key) {
            // Where it is no table, that is told and explains whatever is missing in it.
            Rc::default()
        } else {
            self.missing.clone()
        };
        self.table(key).unwrap_or_else(|| Table {
            source: self.source.clone(),
            path: self.name(key),
            span: self.span(),
            keys: DeTable::new(),
            asked: RefCell::default(),
            missing,
            absent: Some(self.absent.clone().unwrap_or_else(|| key.to_owned())),
        })
    }

    /// Every table of a list of tables; none where what is given is no such list.
    pub fn tables(&mut self, key: &str) -> Option<Vec<Table<'a>>> {
        let Some(value) = self.take(key) else {
            return Some(Vec::new());
        };
        let span = value.span();
        match value.into_inner() {
            DeValue::Array(list) => list
                .into_iter()
                .enumerate()
                .map(|(index, item)| self.open(&format!("{key}[{index}]"), item))
                .collect(),
            other => {
                self.wrong(key, span, article(&other), &format!("[[{key}]] tables"));
                None
            }
        }
    }

    fn open(&self, key: &str, value: Spanned<DeValue<'a>>) -> Option<Table<'a>> {
        let span = value.span();
        match value.into_inner() {
            DeValue::Table(keys) => Some(Table {
                source: self.source.clone(),
                path: self.name(key),
                span,
                keys,
                asked: RefCell::default(),
                missing: Rc::default(),
                absent: None,
            }),
            other => {
                self.wrong(key, span, article(&other), "a table");
                None
            }
        }
    }

    /// All keys that hold texts, with their keys; for tables whose keys are names.
    pub fn entries(&mut self) -> Vec<(Placed<String>, Placed<String>)> {
        let keys = std::mem::take(&mut self.keys);
        keys.into_iter()
            .filter_map(|(key, value)| {
                let name = Placed {
                    value: key.get_ref().to_string(),
                    span: key.span(),
                };
                let text = self.parsed(&name.value, &value, "a text")?;
                Some((
                    name,
                    Placed {
                        value: text,
                        span: value.span(),
                    },
                ))
            })
            .collect()
    }

    /// Every key must have been taken. To be called once every key that the table may have was asked for.
    pub fn close(self) {
        let asked = self.asked.borrow();
        let known: Vec<&str> = asked.iter().map(String::as_str).collect();
        for key in self.keys.keys() {
            let given = self.name(key.get_ref());
            let near = nearest(key.get_ref(), &known);
            let wanted = near.map_or_else(
                || format!("one of {}", known.join(", ")),
                |near| format!("perhaps {near}"),
            );
            self.source
                .problem(key.span(), format!("unknown key {given}, wanted {wanted}"));
            // The one explains the other.
            let mut missing = self.missing.borrow_mut();
            missing.retain(|missing| near != Some(missing.key.as_str()));
        }
    }
}

fn article(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number with a point",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

/// The known key within two edits of the one given, if one is.
fn nearest<'k>(given: &str, known: &[&'k str]) -> Option<&'k str> {
    known
        .iter()
        .map(|key| (edits(given, key), *key))
        .filter(|(far, _)| *far <= 2)
        .min()
        .map(|(_, key)| key)
}

fn edits(a: &str, b: &str) -> usize {
    let (a, b) = (a.to_lowercase(), b.chars().collect::<Vec<char>>());
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, to) in b.iter().enumerate() {
            let swap = diagonal + usize::from(from != *to);
            diagonal = row[j + 1];
            row[j + 1] = swap.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_mistake_at_a_section_is_one_problem() {
        let told = |text: &str| {
            let (source, mut top) = Source::parse(text);
            let mut chain = top.section("chain");
            let _: Option<Placed<String>> = chain.must("rpc", "an address");
            chain.must_number("id", 1..=9);
            chain.close();
            top.section("state").close();
            top.close();
            let problems = source.problems();
            problems.iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        let sound = "[chain]\nrpc = \"a\"\nid = 1\n";
        assert_eq!(told(sound), [""; 0]);
        assert_eq!(
            told(&sound.replace("chain", "chian")),
            ["1:2: unknown key chian, wanted perhaps chain"]
        );
        assert_eq!(
            told("chain = 3\n"),
            ["1:9: chain: given a whole number, wanted a table"]
        );
        let missing = [
            "1:1: chain.rpc is missing, wanted an address",
            "1:1: chain.id is missing, wanted a whole number from 1 to 9",
        ];
        assert_eq!(told(""), missing);
        assert_eq!(told("[state]\n"), missing);
    }

    #[test]
    fn a_place_inside_a_character_is_the_character() {
        let (source, _) = Source::parse("a = \"\u{e9}\"\n");

        source.problem(6..7, "inside".into());

        let told = source.problems();
        assert_eq!(
            told,
            [Problem {
                line: 1,
                column: 6,
                says: "inside".into(),
                missing: None,
            }]
        );
    }
}
