//! The village: who lives there, what they bring and what they sign.

use alloy::primitives::{B256, keccak256};

/// One founder.
#[derive(Clone, Copy, Debug)]
pub struct Person {
    /// Name, also of the key file.
    pub name: &'static str,
    /// What they are to the village.
    pub role: &'static str,
    /// Household number.
    pub household: u16,
    /// Declared band (R8).
    pub band: u8,
    /// What they pay in before ignition, in H.
    pub deposit: &'static str,
    /// Own bound across subcontracts, per period, in H.
    pub most: &'static str,
    /// One week's line, one period, a period's shares, in H.
    pub mandate: [&'static str; 3],
}

impl Person {
    /// The hash their badge shows to the reader.
    pub fn badge(&self) -> B256 {
        keccak256(format!("badge of {}", self.name))
    }
}

/// Seven founders in three households; member ids follow this order, from 1.
pub const PEOPLE: [Person; 7] = [
    person(
        "jane",
        "software developer, rich",
        1,
        7,
        "2000 H",
        "400 H",
        ["300 H", "400 H", "5 H"],
    ),
    person(
        "walt",
        "brings the wood",
        2,
        2,
        "40 H",
        "60 H",
        ["20 H", "40 H", "1 H"],
    ),
    person("ada", "nurse", 1, 3, "90 H", "60 H", ["20 H", "40 H", "1 H"]),
    person(
        "ben",
        "between jobs",
        2,
        0,
        "8 H",
        "20 H",
        ["10 H", "20 H", "1 H"],
    ),
    person("cleo", "teacher", 3, 4, "150 H", "60 H", ["40 H", "60 H", "1 H"]),
    person("dan", "pensioner", 3, 2, "45 H", "30 H", ["20 H", "30 H", "1 H"]),
    person("eve", "student", 3, 1, "20 H", "20 H", ["10 H", "20 H", "1 H"]),
];

const fn person(
    name: &'static str,
    role: &'static str,
    household: u16,
    band: u8,
    deposit: &'static str,
    most: &'static str,
    mandate: [&'static str; 3],
) -> Person {
    Person {
        name,
        role,
        household,
        band,
        deposit,
        most,
        mandate,
    }
}

/// Position of the one who brings the wood.
pub const PROVIDER: usize = 1;
/// Who takes wood in the demonstration's week and reads their own list of it.
pub const TAKER: usize = 2;

/// The operators' names, by seat.
pub const SEATS: [&str; 4] = ["alder", "birch", "cedar", "dogwood"];

/// The people as a charter's TOML has them; cards lie in `people/`, `seats/<n>/` and `edge/`.
pub fn charter(kit: &str, devices: &[&str], model: &str) -> String {
    // Plain keys of a document belong before its first table, so the name goes to the very top.
    let mut text = format!("name = \"linden-yard\"\n{kit}\n[models]\nwood-pile = \"edge/{model}\"\n");
    for (index, person) in PEOPLE.iter().enumerate() {
        let [per_event, per_period, shared] = person.mandate;
        text += &format!(
            "\n[[founders]] # {}\ncard = \"people/{}.card.json\"\nhousehold = {}\nband = {}\nbadge = \"{}\"\nmost_per_period = \"{}\"\n",
            person.role,
            person.name,
            person.household,
            person.band,
            person.badge(),
            person.most
        );
        if index == PROVIDER {
            text += "provides = [\"firewood\"]\nkeeps = [\"wood-pile\"]\n";
        }
        text += &format!(
            "[[founders.mandates]]\nsubcontract = \"firewood\"\nper_event = \"{per_event}\"\nper_period = \"{per_period}\"\nshared_per_period = \"{shared}\"\n"
        );
    }
    for seat in 0..SEATS.len() {
        text += &format!("\n[[seats]]\ncard = \"seats/{seat}/seat.json\"\n");
    }
    for device in devices {
        text += &format!("\n[[devices]]\nstream = \"wood-pile\"\ncard = \"edge/{device}.card.json\"\n");
    }
    text
}
