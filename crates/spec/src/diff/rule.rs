//! The rules: what may change in an API, and what it does to clients that know the API as it was.

use serde::Serialize;

/// Which way a value goes. A client suffers from narrower requests and from wider answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// From clients to the server.
    Request,
    /// From the server to clients.
    Response,
}

/// What a change does to clients that know the API as it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Some of them fail, or no longer get what they asked for.
    Breaking,
    /// They go on as before.
    Safe,
}

/// Makes the rules from a table: what changed, and what that does where it is in a request and where it is in an answer.
macro_rules! rules {
    ($($rule:ident $request:ident $answer:ident)*) => {
        /// A kind of change, by the name that reports give it in kebab-case.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
        #[serde(rename_all = "kebab-case")]
        #[expect(missing_docs, reason = "the names say it")]
        pub enum Rule {
            $($rule,)*
        }

        impl Rule {
            /// Every rule.
            pub const ALL: &[Rule] = &[$(Rule::$rule),*];

            /// What such a change does to clients that know the API as it was.
            pub fn severity(self, direction: Option<Direction>) -> Severity {
                let (request, answer) = match self {
                    $(Rule::$rule => (Severity::$request, Severity::$answer),)*
                };
                match direction {
                    // What has no direction is the same in both columns.
                    None | Some(Direction::Request) => request,
                    Some(Direction::Response) => answer,
                }
            }
        }
    };
}

// Some rows are a choice:
// - what clients know by name (operation ids, path parameters, error statuses, optional properties of requests) breaks
//   them when it goes, though not each of them uses it, and generated ones alone use the first two;
// - a new error status is safe: a client has to expect errors that no document lists;
// - enums and unions that the generated client leaves open, as it does with every named one, may grow in answers.
rules! {
    // what changed             in requests  in answers
    ServerRemoved               Breaking     Breaking
    ServerAdded                 Safe         Safe
    PathAliasRemoved            Breaking     Breaking
    PathAliasAdded              Safe         Safe
    OperationRemoved            Breaking     Breaking
    OperationAdded              Safe         Safe
    OperationIdChanged          Breaking     Breaking
    OperationMoved              Safe         Safe
    OperationDeprecated         Safe         Safe
    SecurityAdded               Breaking     Breaking
    SecurityRemoved             Safe         Safe
    SecurityAlternativeRemoved  Breaking     Breaking
    SecurityAlternativeAdded    Safe         Safe
    SecuritySchemeRemoved       Breaking     Breaking
    SecuritySchemeAdded         Safe         Safe
    SecuritySchemeChanged       Breaking     Breaking
    FlowRemoved                 Breaking     Breaking
    FlowAdded                   Safe         Safe
    ScopeWithdrawn              Breaking     Breaking
    ScopeOffered                Safe         Safe
    ScopeAdded                  Breaking     Breaking
    ScopeRemoved                Safe         Safe
    ParameterRemoved            Breaking     Breaking
    ParameterAdded              Safe         Safe
    RequiredParameterAdded      Breaking     Breaking
    ParameterBecameRequired     Breaking     Breaking
    ParameterBecameOptional     Safe         Safe
    ParameterRenamed            Breaking     Breaking
    ParameterStyleChanged       Breaking     Breaking
    BodyRemoved                 Breaking     Breaking
    BodyAdded                   Safe         Safe
    RequiredBodyAdded           Breaking     Breaking
    BodyBecameRequired          Breaking     Breaking
    BodyBecameOptional          Safe         Safe
    BodyLimitLowered            Breaking     Breaking
    BodyLimitRaised             Safe         Safe
    MediaTypeRemoved            Breaking     Breaking
    MediaTypeAdded              Safe         Safe
    StatusRemoved               Breaking     Breaking
    StatusAdded                 Safe         Safe
    HeaderRemoved               Breaking     Breaking
    HeaderAdded                 Safe         Safe
    HeaderBecameOptional        Safe         Breaking
    HeaderBecameRequired        Breaking     Safe
    TypeChanged                 Breaking     Breaking
    TypeNarrowed                Breaking     Safe
    TypeWidened                 Safe         Breaking
    PropertyRemoved             Breaking     Breaking
    PropertyAdded               Safe         Safe
    RequiredPropertyAdded       Breaking     Safe
    PropertyBecameRequired      Breaking     Safe
    PropertyBecameOptional      Safe         Breaking
    EnumValueRemoved            Breaking     Safe
    EnumValueAdded              Safe         Breaking
    OpenEnumValueAdded          Safe         Safe
    VariantRemoved              Breaking     Safe
    VariantAdded                Safe         Breaking
    OpenVariantAdded            Safe         Safe
    DiscriminatorChanged        Breaking     Breaking
    ConstraintTightened         Breaking     Safe
    ConstraintLoosened          Safe         Breaking
    ConstraintChanged           Breaking     Breaking
    DefaultChanged              Breaking     Safe
    DefaultAdded                Safe         Safe
}
