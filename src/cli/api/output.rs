//! Answers: tables for people, JSON for programs.

use super::operation::Command;
use super::schema::{page_items, properties};
use super::{arguments, print_line, say};
use crate::Client;
use crate::follow::Page;
use crate::generated::client::types::Link;
use clap::ArgMatches;
use clap::builder::styling::Style;
use comfy_table::{ContentArrangement, Table};
use futures::TryStreamExt as _;
use indicatif::ProgressBar;
use serde::Deserialize;
use serde_json::{Map, Value};
use std::io::IsTerminal as _;
use std::pin::pin;

/// How the answer of a command is printed.
pub(super) struct Output {
    json: bool,
    all: bool,
    /// What the answer says of itself, where that is not plain from the command.
    words: Option<&'static str>,
    /// The columns of the items, if answers are pages.
    columns: Option<Vec<&'static str>>,
}

/// A page of anything.
#[derive(Deserialize)]
struct AnyPage {
    #[serde(rename = "_embedded", default)]
    embedded: Map<String, Value>,
    #[serde(rename = "_links", default)]
    links: NextLink,
}

#[derive(Default, Deserialize)]
struct NextLink {
    next: Option<Link>,
}

impl Page for AnyPage {
    type Item = Value;

    fn next(&self) -> Option<&Link> {
        self.links.next.as_ref()
    }

    fn into_items(self) -> Vec<Value> {
        let items = self.embedded.into_iter().next().map(|(_, items)| items);
        if let Some(Value::Array(items)) = items { items } else { Vec::new() }
    }
}

impl Output {
    pub(super) fn of(command: &Command, matches: &ArgMatches) -> Self {
        let given = |flag| matches.try_get_one::<bool>(flag).ok().flatten().copied().unwrap_or(false);
        let words = command.success()["description"].as_str();
        let columns = command.answer().and_then(page_items).map(columns);
        Output {
            json: given("json"),
            all: given("all"),
            words: words.filter(|_| command.answer().is_none() || arguments::is_destructive(command)),
            columns,
        }
    }

    /// Prints an answer, and the pages behind it if all are asked for.
    pub(super) async fn print(&self, client: &Client, answer: Value) -> anyhow::Result<()> {
        if let Some(words) = self.words.filter(|_| !self.json) {
            say(words.trim())?;
        }
        match &self.columns {
            Some(columns) if self.all => self.print_all(client, answer, columns).await,
            _ if self.json && !answer.is_null() => print_line(&answer.to_string()),
            Some(columns) => {
                let page = AnyPage::deserialize(answer)?;
                let more = page.next().is_some();
                let items = page.into_items();
                print_table(&items, columns)?;
                if more { say("There are more; --all follows the pages to the end.") } else { Ok(()) }
            }
            None if self.json => Ok(()),
            None => print_object(&answer),
        }
    }

    async fn print_all(&self, client: &Client, answer: Value, columns: &[&'static str]) -> anyhow::Result<()> {
        let mut items = pin!(client.items(AnyPage::deserialize(answer)?));
        // Drawn on standard error, and only if that is a terminal.
        let progress = ProgressBar::new_spinner();
        let mut kept = Vec::new();
        while let Some(item) = items.try_next().await? {
            progress.inc(1);
            if self.json {
                progress.suspend(|| print_line(&item.to_string()))?;
            } else {
                progress.set_message(format!("{} so far", progress.position()));
                kept.push(item);
            }
        }
        progress.finish_and_clear();
        if self.json { Ok(()) } else { print_table(&kept, columns) }
    }
}

/// The columns of a table: the properties of its items but links and addresses, what things are known by first.
fn columns(items: &'static Value) -> Vec<&'static str> {
    let properties = properties(items).into_iter().filter(|one| one.schema["format"] != "uri");
    let mut columns: Vec<_> = properties.map(|one| one.name).filter(|name| !name.starts_with('_')).collect();
    columns.sort_by_key(|name| rank(name));
    columns
}

/// What things are known by comes first.
fn rank(name: &str) -> usize {
    ["id", "type", "name", "displayName"].iter().position(|first| *first == name).unwrap_or(usize::MAX)
}

/// A line for each item. Columns without anything to show are left out.
fn print_table(items: &[Value], columns: &[&'static str]) -> anyhow::Result<()> {
    let shown = |name: &&&str| items.iter().any(|item| cell(&item[**name]).is_some());
    let columns: Vec<&str> = columns.iter().filter(shown).copied().collect();
    if columns.is_empty() {
        return Ok(());
    }
    let mut table = table();
    table.set_header(columns.iter().map(|name| heck::ToTitleCase::to_title_case(*name).to_uppercase()));
    for item in items {
        table.add_row(columns.iter().map(|name| cell(&item[*name]).unwrap_or_default()));
    }
    let table = rendered(table);
    let (header, rows) = table.split_once('\n').unwrap_or((&table, ""));
    // Nothing is coloured where NO_COLOR or a pipe wants none.
    let bold = match anstream::AutoStream::choice(&std::io::stdout()) {
        anstream::ColorChoice::Never => Style::new(),
        _ => Style::new().bold(),
    };
    print_line(&format!("{bold}{header}{bold:#}\n{rows}"))
}

/// A line for each property, and for each of those within.
fn print_object(value: &Value) -> anyhow::Result<()> {
    let mut table = table();
    let mut rows = Vec::new();
    flatten(value, String::new(), &mut rows);
    rows.sort_by_key(|[name, _]| rank(name));
    if rows.is_empty() {
        return Ok(());
    }
    table.add_rows(rows);
    print_line(&rendered(table))
}

fn flatten(value: &Value, name: String, rows: &mut Vec<[String; 2]>) {
    match value {
        Value::Object(members) => {
            for (inner, value) in members.iter().filter(|(inner, _)| !inner.starts_with('_')) {
                let inner = if name.is_empty() { inner.clone() } else { format!("{name}.{inner}") };
                flatten(value, inner, rows);
            }
        }
        Value::Array(items) if items.iter().any(Value::is_object) => {
            for (index, item) in items.iter().enumerate() {
                flatten(item, format!("{name}.{index}"), rows);
            }
        }
        value => rows.extend(cell(value).map(|text| [name, text])),
    }
}

/// A value on one line, if it has something to show. Of an object: what it is known by.
fn cell(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) if text.is_empty() => None,
        Value::String(text) => Some(harmless(text)),
        Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
        Value::Array(items) => {
            let items: Vec<_> = items.iter().filter_map(cell).collect();
            (!items.is_empty()).then(|| items.join(", "))
        }
        Value::Object(members) => ["name", "displayName", "username", "title", "body", "status", "id"]
            .iter()
            .find_map(|name| members.get(*name).and_then(cell)),
    }
}

/// Text without what would move the cursor or colour the terminal: people choose their names themselves.
fn harmless(text: &str) -> String {
    text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect()
}

fn table() -> Table {
    let mut table = Table::new();
    table.load_style(comfy_table::presets::NOTHING);
    let width = std::io::stdout().is_terminal().then(terminal_size::terminal_size).flatten();
    if let Some((width, _)) = width {
        table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width.0);
    }
    table
}

fn rendered(mut table: Table) -> String {
    table.column_iter_mut().for_each(|column| {
        column.set_padding((0, 2));
    });
    table.lines().map(|line| line.trim_end().to_owned()).collect::<Vec<_>>().join("\n")
}
