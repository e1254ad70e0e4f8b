//! What a change of the document does to the Rust code: the generated sources of both are parsed, and the items compared
//! that handwritten code fills in or names.

use openapi_dropshot::Files;
use quote::ToTokens;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use syn::visit_mut::{VisitMut, visit_path_mut};
use syn::{FnArg, ImplItem, Item, ReturnType, Signature, TraitItem, Type, TypeImplTrait, Visibility, WherePredicate};

/// The client, as progenitor calls it.
const CLIENT: &str = "Client";

/// The module of the requests that the client builds: a struct with a method for each parameter.
const BUILDERS: &str = "builder";

/// The module of the wire types.
const TYPES: &str = "types";

/// Whether something is new, gone or another than before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Difference {
    /// It is new.
    Added,
    /// It is gone.
    Removed,
    /// It is another than before.
    Changed,
}

/// A trait, struct, enum or the like of the generated code that is not what it was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Effect {
    /// `trait`, `struct`, `enum`, `type`, `impl` or `fn`.
    pub kind: &'static str,
    /// Its name, after its module.
    pub name: String,
    /// The file below `generated/` that it is in.
    pub file: String,
    /// What became of it.
    pub change: Difference,
    /// Its methods, fields or variants that are not what they were; all of them where the item is new.
    pub members: Vec<Member>,
}

/// A method, a field or a variant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Member {
    /// Its name; empty for what an item says of itself.
    pub name: String,
    /// What became of it.
    pub change: Difference,
    /// How it is written: as it is now, or as it was where it is gone.
    pub code: String,
    /// What is other than before, such as one argument of a method.
    pub details: Vec<String>,
}

/// Compares the items of two sets of generated files, in the order of files and names.
///
/// # Errors
/// When a file is not Rust.
pub fn effects(old: &Files, new: &Files) -> Result<Vec<Effect>, syn::Error> {
    let text = |files: &Files, path: &Path| files.iter().find(|(one, _)| *one == path).map(|(_, text)| text.to_owned());
    let paths: BTreeSet<_> = old.iter().chain(new.iter()).map(|(path, _)| path).collect();
    let mut effects = Vec::new();
    for path in paths.into_iter().filter(|path| path.extension().is_some_and(|extension| extension == "rs")) {
        let (before, after) = (text(old, path).unwrap_or_default(), text(new, path).unwrap_or_default());
        if before != after {
            compare(&path.display().to_string(), &items(&before)?, &items(&after)?, &mut effects);
        }
    }
    Ok(effects)
}

fn compare(file: &str, old: &Items, new: &Items, effects: &mut Vec<Effect>) {
    let names: BTreeSet<_> = old.keys().chain(new.keys()).collect();
    for key in names {
        let nothing = Members::new();
        let (before, after) = (old.get(key).unwrap_or(&nothing), new.get(key).unwrap_or(&nothing));
        let change = match (old.contains_key(key), new.contains_key(key)) {
            (true, true) => Difference::Changed,
            (true, false) => Difference::Removed,
            (false, _) => Difference::Added,
        };
        let members = members(before, after);
        if change != Difference::Changed || !members.is_empty() {
            let (name, kind) = key;
            effects.push(Effect { kind, name: name.clone(), file: file.to_owned(), change, members });
        }
    }
}

fn members(old: &Members, new: &Members) -> Vec<Member> {
    let gone = old.iter().filter(|(name, _)| !new.iter().any(|(other, _)| other == name));
    let gone = gone.map(|(name, code)| (name, Difference::Removed, code, Vec::new()));
    let now = new.iter().filter_map(|(name, code)| match old.iter().find(|(other, _)| other == name) {
        None => Some((name, Difference::Added, code, Vec::new())),
        Some((_, same)) if same != code => Some((name, Difference::Changed, code, same.details(code))),
        Some(_) => None,
    });
    let member = |(name, change, code, details): (&String, _, &Code, _)| Member {
        name: name.clone(),
        change,
        code: code.to_string(),
        details,
    };
    gone.chain(now).map(member).collect()
}

/// By name and kind.
type Items = BTreeMap<(String, &'static str), Members>;

/// In the order of the source.
type Members = Vec<(String, Code)>;

/// How a member is written.
#[derive(Clone, Debug, PartialEq)]
enum Code {
    /// A method: its arguments and what it answers.
    Method { name: String, arguments: Vec<(String, Words)>, answer: Words },
    /// A field or what a variant carries; with the name before it.
    Typed { name: String, carries: Words },
}

/// A piece of code, compared as it is written and shown without the paths before its names.
#[derive(Clone, Debug, Default, PartialEq)]
struct Words {
    full: String,
    short: String,
}

impl Words {
    fn of(tokens: &impl ToTokens) -> Self {
        let full = text(tokens.to_token_stream());
        let short = match syn::parse2::<Type>(tokens.to_token_stream()) {
            Ok(mut kind) => {
                Shorten.visit_type_mut(&mut kind);
                text(kind.to_token_stream())
            }
            Err(_) => full.clone(),
        };
        Self { full, short }
    }

    /// How one is told from the other: by its short form where that differs.
    fn against<'w>(&'w self, other: &Self) -> &'w str {
        if self.short == other.short { &self.full } else { &self.short }
    }
}

/// Cuts paths to their last segment, those below `Self` excepted.
struct Shorten;

impl VisitMut for Shorten {
    fn visit_path_mut(&mut self, path: &mut syn::Path) {
        visit_path_mut(self, path);
        if path.segments.first().is_some_and(|first| first.ident == "Self") {
            return;
        }
        if let Some(last) = path.segments.pop() {
            *path = last.into();
        }
    }
}

/// Tokens as people space them.
fn text(tokens: proc_macro2::TokenStream) -> String {
    let mut text = tokens.to_string();
    for (spaced, plain) in [
        (" :: ", "::"),
        (" ::", "::"),
        (":: ", "::"),
        (" < ", "<"),
        (" <", "<"),
        ("< ", "<"),
        (" >", ">"),
        (" , ", ", "),
        (" ,", ","),
        ("& ", "&"),
        ("( ", "("),
        (" (", "("),
        (" )", ")"),
        (" :", ":"),
        ("->", " -> "),
        ("  ", " "),
    ] {
        text = text.replace(spaced, plain);
    }
    text.replace(",>", ">").replace(",)", ")")
}

impl std::fmt::Display for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Code::Method { name, arguments, answer, .. } => {
                let arguments: Vec<_> = arguments.iter().map(|(name, words)| argument(name, &words.short)).collect();
                write!(f, "fn {name}({})", arguments.join(", "))?;
                if answer.short.is_empty() { Ok(()) } else { write!(f, " -> {}", answer.short) }
            }
            Code::Typed { name, carries } if carries.short.is_empty() => f.write_str(name),
            Code::Typed { name, carries } if carries.short.starts_with('(') || carries.short.starts_with('{') => {
                write!(f, "{name}{}", carries.short)
            }
            Code::Typed { name, carries } => write!(f, "{name}: {}", carries.short),
        }
    }
}

fn argument(name: &str, kind: &str) -> String {
    if kind.is_empty() { name.to_owned() } else { format!("{name}: {kind}") }
}

impl Code {
    /// What the second is other than the first.
    fn details(&self, new: &Self) -> Vec<String> {
        match (self, new) {
            (Code::Method { arguments: was, answer: answered, .. }, Code::Method { arguments: is, answer, .. }) => {
                let mut details = Vec::new();
                for (name, kind) in was.iter().filter(|(name, _)| !is.iter().any(|(other, _)| other == name)) {
                    details.push(format!("the argument `{}` is gone", argument(name, &kind.short)));
                }
                for (name, kind) in is {
                    match was.iter().find(|(other, _)| other == name) {
                        None => details.push(format!("the argument `{}` is new", argument(name, &kind.short))),
                        Some((_, same)) if same != kind => details.push(format!(
                            "the argument `{name}` is `{}`, and was `{}`",
                            kind.against(same),
                            same.against(kind)
                        )),
                        Some(_) => {}
                    }
                }
                if answer != answered {
                    details.push(format!(
                        "answers `{}`, and answered `{}`",
                        answer.against(answered),
                        answered.against(answer)
                    ));
                }
                if details.is_empty() {
                    details.push("its arguments are in another order".into());
                }
                details
            }
            (Code::Typed { carries: was, .. }, Code::Typed { carries: is, .. }) => {
                vec![format!("is `{}`, and was `{}`", is.against(was), was.against(is))]
            }
            _ => vec![format!("is `{new}`, and was `{self}`")],
        }
    }
}

/// The items of a file.
fn items(source: &str) -> Result<Items, syn::Error> {
    let mut items = Items::new();
    collect("", syn::parse_file(source)?.items, &mut items);
    Ok(items)
}

fn collect(module: &str, source: Vec<Item>, items: &mut Items) {
    let path =
        |name: &dyn std::fmt::Display| if module.is_empty() { name.to_string() } else { format!("{module}::{name}") };
    for item in source {
        let (key, members) = match item {
            Item::Trait(item) if is_public(&item.vis) => {
                let methods = item.items.iter().filter_map(|item| match item {
                    TraitItem::Fn(function) => Some(method(&function.sig)),
                    _ => None,
                });
                ((path(&item.ident), "trait"), methods.collect())
            }
            Item::Struct(item) if is_public(&item.vis) && module != BUILDERS => {
                let fields = item.fields.iter().enumerate().filter(|(_, field)| is_public(&field.vis));
                let fields = fields.map(|(index, field)| {
                    let name = field.ident.as_ref().map_or_else(|| index.to_string(), ToString::to_string);
                    (name.clone(), Code::Typed { name, carries: Words::of(&field.ty) })
                });
                ((path(&item.ident), "struct"), fields.collect())
            }
            Item::Enum(item) if is_public(&item.vis) => {
                let variants = item.variants.iter().map(|variant| {
                    let name = variant.ident.to_string();
                    (name.clone(), Code::Typed { name, carries: Words::of(&variant.fields) })
                });
                ((path(&item.ident), "enum"), variants.collect())
            }
            Item::Type(item) if is_public(&item.vis) => {
                let (name, carries) = (item.ident.to_string(), Words::of(&item.ty));
                ((path(&item.ident), "type"), vec![(String::new(), Code::Typed { name, carries })])
            }
            Item::Fn(item) if is_public(&item.vis) => {
                let (_, code) = method(&item.sig);
                ((path(&item.sig.ident), "fn"), vec![(String::new(), code)])
            }
            // What other types do follows from what they are; the client's methods are an interface of their own.
            Item::Impl(item) if item.trait_.is_none() => {
                let Type::Path(owner) = &*item.self_ty else { continue };
                let owner = owner.path.segments.last().map(|segment| segment.ident.to_string()).unwrap_or_default();
                if owner != CLIENT && module != BUILDERS {
                    continue;
                }
                let functions = item.items.iter().filter_map(|item| match item {
                    ImplItem::Fn(function) if is_public(&function.vis) => Some(method(&function.sig)),
                    _ => None,
                });
                // The client has several blocks.
                items.entry((path(&owner), "impl")).or_default().extend(functions);
                continue;
            }
            // The builders of types have a method for each field, and their defaults one for each default.
            Item::Mod(item) if is_public(&item.vis) && module != TYPES => {
                if let Some((_, inner)) = item.content {
                    collect(&path(&item.ident), inner, items);
                }
                continue;
            }
            _ => continue,
        };
        items.insert(key, members);
    }
}

fn is_public(visibility: &Visibility) -> bool {
    matches!(visibility, Visibility::Public(_))
}

fn method(signature: &Signature) -> (String, Code) {
    let name = signature.ident.to_string();
    let arguments = signature.inputs.iter().map(|argument| match argument {
        FnArg::Receiver(receiver) => {
            let text = text(receiver.to_token_stream());
            (text.trim_start_matches("mut ").to_owned(), Words::default())
        }
        FnArg::Typed(argument) => (
            text(argument.pat.to_token_stream()),
            Words::of(bound(signature, &argument.ty).as_ref().unwrap_or(&argument.ty)),
        ),
    });
    let answer = match &signature.output {
        ReturnType::Default => Words::default(),
        ReturnType::Type(_, kind) => Words::of(future_output(kind)),
    };
    (name.clone(), Code::Method { name, arguments: arguments.collect(), answer })
}

/// What a generic argument has to be: `impl TryInto<i64>` for `V` where `V: TryInto<i64>`.
fn bound(signature: &Signature, kind: &Type) -> Option<Type> {
    let predicates = &signature.generics.where_clause.as_ref()?.predicates;
    predicates.iter().find_map(|predicate| match predicate {
        WherePredicate::Type(predicate) if predicate.bounded_ty == *kind => Some(Type::ImplTrait(TypeImplTrait {
            attrs: Vec::new(),
            impl_token: Default::default(),
            bounds: predicate.bounds.clone(),
        })),
        _ => None,
    })
}

/// What a future gives: `T` of `impl Future<Output = T> + Send`.
fn future_output(kind: &Type) -> &Type {
    let Type::ImplTrait(kind_of) = kind else { return kind };
    let mut bounds = kind_of.bounds.iter().filter_map(|bound| match bound {
        syn::TypeParamBound::Trait(bound) => bound.path.segments.last(),
        _ => None,
    });
    let Some(future) = bounds.find(|segment| segment.ident == "Future") else { return kind };
    let syn::PathArguments::AngleBracketed(arguments) = &future.arguments else { return kind };
    let output = arguments.args.iter().find_map(|argument| match argument {
        syn::GenericArgument::AssocType(output) => Some(&output.ty),
        _ => None,
    });
    output.unwrap_or(kind)
}
