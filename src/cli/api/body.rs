//! Request bodies from flags: one for each property of the document's schema, and JSON for what flags cannot say.

use super::schema::{Property, properties, resolve};
use anyhow::{Context as _, anyhow, bail};
use clap::{Arg, ArgAction, ArgMatches};
use heck::ToKebabCase as _;
use serde_json::{Map, Value};
use std::io::Read as _;

/// A flag for a property of a body, or for a property of an object in it.
pub(super) struct Field {
    /// The names that lead to the property.
    path: Vec<&'static str>,
    text: &'static str,
    kind: Kind,
    /// Whether the property is an array, each of whose items is given by itself.
    many: bool,
    required: bool,
    /// The only values there are.
    values: Vec<&'static str>,
}

/// How the text of a flag becomes JSON.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Text,
    /// Text that a command line, which others can see, must not hold: it is read from a file.
    Secret,
    /// A file, which is sent as it is.
    File,
    /// Numbers and booleans.
    Literal,
    Boolean,
    /// Objects: JSON, or `name=value,…`.
    Object,
}

/// The fields of a body. Properties that only answers carry, or that nobody should use any more, have none.
pub(super) fn fields(schema: &'static Value) -> Vec<Field> {
    let mut fields = Vec::new();
    for property in properties(schema) {
        collect(property, &[], &mut fields);
    }
    fields.sort_by_key(|field| !field.required);
    fields
}

fn collect(property: Property, parents: &[&'static str], fields: &mut Vec<Field>) {
    let Property { name, schema, text, required, tags } = property;
    if schema["readOnly"] == true || schema["deprecated"] == true {
        return;
    }
    let path = [parents, &[name]].concat();
    let many = schema["type"] == "array";
    let item = if many { resolve(&schema["items"]) } else { schema };
    let nested = properties(item);
    if !many && parents.is_empty() && !nested.is_empty() {
        // Which of an object's properties it takes is for the server to say; the object itself can be left out.
        nested.into_iter().for_each(|inner| collect(Property { required: false, ..inner }, &path, fields));
        return;
    }
    let kind = match (item["type"].as_str(), item["format"].as_str()) {
        (Some("string"), Some("password")) => Kind::Secret,
        (Some("string"), Some("binary")) => Kind::File,
        (Some("string"), _) => Kind::Text,
        (Some("integer" | "number"), _) => Kind::Literal,
        (Some("boolean"), _) => Kind::Boolean,
        _ => Kind::Object,
    };
    let values = match tags.is_empty() {
        true => item["enum"].as_array().into_iter().flatten().filter_map(Value::as_str).collect(),
        false => tags,
    };
    fields.push(Field { path, text, kind, many, required, values });
}

impl Field {
    /// The name of the flag, without its dashes.
    pub(super) fn flag(&self) -> String {
        let flag = self.path.join("-").to_kebab_case();
        if self.kind == Kind::Secret { format!("{flag}-file") } else { flag }
    }

    /// What names the flag among the others.
    fn id(&self) -> String {
        format!("body.{}", self.path.join("."))
    }

    /// The same, where it can be left out.
    pub(super) fn optional(self) -> Self {
        Field { required: false, ..self }
    }

    /// Whether it is a file that is sent as it is.
    pub(super) fn is_file(&self) -> bool {
        self.kind == Kind::File
    }

    /// The name of the part that it is in a form.
    pub(super) fn name(&self) -> &'static str {
        self.path.last().copied().unwrap_or_default()
    }

    /// The files given.
    pub(super) fn files(&self, matches: &ArgMatches) -> Vec<String> {
        matches.get_many::<String>(&self.id()).into_iter().flatten().cloned().collect()
    }

    /// The flag. `others` can be given in the place of one that is required.
    pub(super) fn arg(&self, others: &[String]) -> Arg {
        let arg = Arg::new(self.id()).long(self.flag()).help(self.help()).help_heading("Body");
        let name = self.path.join("-").to_kebab_case().to_uppercase();
        let arg = match (self.kind, self.values.is_empty()) {
            (Kind::Boolean, _) => arg
                .value_name("BOOLEAN")
                .value_parser(["true", "false"])
                .num_args(0..=1)
                .require_equals(true)
                .default_missing_value("true"),
            (Kind::Text, false) => arg.value_name(name).value_parser(self.values.clone()),
            (Kind::Secret | Kind::File, _) => arg.value_name("FILE").value_hint(clap::ValueHint::FilePath),
            (Kind::Object, _) => arg.value_name("JSON"),
            _ => arg.value_name(name),
        };
        let arg = if self.many { arg.action(ArgAction::Append) } else { arg };
        match (self.required, others) {
            (false, _) => arg,
            (true, []) => arg.required(true),
            (true, others) => arg.required_unless_present_any(others),
        }
    }

    fn help(&self) -> String {
        let text = unwrapped(self.text);
        match self.kind {
            Kind::Secret => format!("{text} Read from this file, `-` for standard input."),
            Kind::Object if self.many => format!("{text} JSON, or name=value,…; repeat it for more."),
            Kind::Object => format!("{text} JSON, or name=value,…"),
            _ if self.many => format!("{text} Repeat it for more."),
            _ => text,
        }
    }

    fn value(&self, text: &str) -> anyhow::Result<Value> {
        let wrong = |what: &str| anyhow!("--{} takes {what}, not {text:?}", self.flag());
        match self.kind {
            Kind::Text | Kind::File => Ok(text.into()),
            Kind::Secret => Ok(read(text)?.trim_end_matches(['\r', '\n']).into()),
            Kind::Boolean | Kind::Literal => serde_json::from_str(text).map_err(|_| wrong("a number")),
            Kind::Object => object(text).ok_or_else(|| wrong("JSON or name=value,…")),
        }
    }
}

/// An object as JSON, or as `name=value,…`, which is easier to type.
fn object(text: &str) -> Option<Value> {
    if let Ok(value) = serde_json::from_str(text) {
        return Some(value);
    }
    let members = text.split(',').map(|member| member.split_once('='));
    let members = members.map(|member| member.map(|(name, value)| (name.to_owned(), literal(value))));
    members.collect::<Option<Map<_, _>>>().map(Value::Object)
}

/// JSON if it is JSON, else text.
fn literal(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| text.into())
}

/// Text without its line breaks, but for those between paragraphs; it is wrapped anew.
pub(super) fn unwrapped(text: &str) -> String {
    let paragraphs = text.split("\n\n").map(|paragraph| paragraph.split_whitespace().collect::<Vec<_>>().join(" "));
    paragraphs.collect::<Vec<_>>().join("\n\n")
}

/// The flags that give bodies as JSON.
pub(super) fn json_args() -> [Arg; 2] {
    [
        Arg::new("json-body")
            .long("json-body")
            .value_name("FILE")
            .value_hint(clap::ValueHint::FilePath)
            .help("Take the body from this JSON file, `-` for standard input; other flags change what it says")
            .help_heading("Body"),
        Arg::new("set")
            .long("set")
            .value_name("PATH=VALUE")
            .action(ArgAction::Append)
            .help("Set anything in the body, like user.id=1; the value is JSON, or else text")
            .help_heading("Body"),
    ]
}

/// The body that the command line says: the file, then the flags, then what is set by path.
pub(super) fn body(fields: &[Field], matches: &ArgMatches) -> anyhow::Result<Value> {
    // Only commands whose operation takes a body know the flag.
    let Ok(file) = matches.try_get_one::<String>("json-body") else { return Ok(Value::Null) };
    let mut body = match file {
        Some(file) => {
            serde_json::from_str(&read(file)?).with_context(|| format!("the body in {file} is not valid JSON"))?
        }
        None => Value::Object(Map::new()),
    };
    for field in fields.iter().filter(|field| !field.is_file()) {
        let Some(given) = matches.get_many::<String>(&field.id()) else { continue };
        let mut values = given.map(|text| field.value(text)).collect::<Result<Vec<_>, _>>()?;
        let value =
            if field.many { Value::Array(values.into_iter().flat_map(flat).collect()) } else { values.remove(0) };
        *at(&mut body, &field.path).with_context(|| format!("--{} has no place in this body", field.flag()))? = value;
    }
    for text in matches.get_many::<String>("set").into_iter().flatten() {
        let (path, value) = text.split_once('=').with_context(|| format!("--set takes PATH=VALUE, not {text:?}"))?;
        let path: Vec<_> = path.split('.').collect();
        *at(&mut body, &path).with_context(|| format!("--set {text}: there is no such place in this body"))? =
            literal(value);
    }
    Ok(body)
}

/// A JSON array given for one item of an array means its items.
fn flat(value: Value) -> Vec<Value> {
    match value {
        Value::Array(items) => items,
        value => vec![value],
    }
}

/// The place in the body, made if it is not there. Numbers lead into arrays, one behind the last adds an item.
fn at<'b>(body: &'b mut Value, path: &[&str]) -> Option<&'b mut Value> {
    let Some((first, rest)) = path.split_first() else { return Some(body) };
    if body.is_null() {
        *body = if first.parse::<usize>().is_ok() { Value::Array(Vec::new()) } else { Value::Object(Map::new()) };
    }
    let inner = match body {
        Value::Object(members) => members.entry((*first).to_owned()).or_insert(Value::Null),
        Value::Array(items) => {
            let index = first.parse::<usize>().ok()?;
            if index == items.len() {
                items.push(Value::Null);
            }
            items.get_mut(index)?
        }
        _ => return None,
    };
    at(inner, rest)
}

/// The text of a file, or of standard input for `-`.
pub(super) fn read(file: &str) -> anyhow::Result<String> {
    let mut text = String::new();
    let read = match file {
        "-" => std::io::stdin().read_to_string(&mut text),
        _ => std::fs::File::open(file).and_then(|mut file| file.read_to_string(&mut text)),
    };
    match read {
        Ok(_) => Ok(text),
        Err(error) if file == "-" => bail!("cannot read standard input: {error}"),
        Err(error) => bail!("cannot read {file}: {error}"),
    }
}
