//! What stands between a test's parameters and the call of it.

use proc_macro2::Ident;
use proc_macro2::TokenStream;
use quote::format_ident;
use quote::quote;
use quote::quote_spanned;
use syn::FnArg;
use syn::Signature;
use syn::Type;
use syn::TypeReference;
use syn::spanned::Spanned;

use crate::errors::Errors;

#[derive(Default)]
pub(crate) struct Fixtures {
    /// One `let` a fixture: their order is the order of drops, reversed.
    pub(crate) setup: Vec<TokenStream>,
    /// What the test is called with.
    pub(crate) arguments: Vec<TokenStream>,
    /// The type of the parameter with `#[case]`.
    pub(crate) case: Option<Type>,
}

impl Fixtures {
    /// Reads the parameters; `case` is the index of the one with `#[case]`.
    pub(crate) fn new(signature: &Signature, case: Option<usize>, errors: &mut Errors) -> Self {
        let mut fixtures = Self::default();
        let company = signature.inputs.len() - usize::from(case.is_some());
        for (index, input) in signature.inputs.iter().enumerate() {
            let input = match input {
                FnArg::Typed(input) => input,
                FnArg::Receiver(receiver) => {
                    errors.at(receiver, "a test is a free function: it has no `self`");
                    continue;
                }
            };
            if case == Some(index) {
                fixtures.arguments.push(quote!(case));
                fixtures.case = Some((*input.ty).clone());
                continue;
            }
            match access(&input.ty) {
                Some(Access::Shared) => fixtures.arguments.push(quote!(nvme)),
                Some(Access::Exclusive) => {
                    if 1 < company {
                        let message = "`&mut Controller` is exclusive: a test that takes it takes \
                                       no other fixture, and makes its queue pairs itself";
                        errors.at(&input.ty, message);
                    }
                    fixtures.arguments.push(quote!(nvme));
                }
                Some(Access::Value) => {
                    let message = "the controller lives for the session: take `&Controller`, \
                                   or `&mut Controller` to reset it";
                    errors.at(&input.ty, message);
                }
                None => fixtures.made(index, &input.ty),
            }
        }
        fixtures
    }

    fn made(&mut self, index: usize, ty: &Type) {
        let local = format_ident!("fixture_{index}");
        let (ty, argument) = match ty {
            Type::Reference(TypeReference { mutability, elem, .. }) => {
                (&**elem, quote!(& #mutability #local))
            }
            ty => (ty, quote!(#local)),
        };
        self.setup.push(setup(&local, ty));
        self.arguments.push(argument);
    }
}

/// Makes a fixture, with the span of its type: a type that is not a fixture is reported there.
fn setup(local: &Ident, ty: &Type) -> TokenStream {
    quote_spanned! {ty.span()=>
        #[allow(unused_mut)]
        let mut #local = ::nvmetest::__private::setup::<#ty>(nvme)?;
    }
}

enum Access {
    Shared,
    Exclusive,
    Value,
}

/// Recognises the controller by its name: a macro sees no types.
fn access(ty: &Type) -> Option<Access> {
    let (ty, access) = match ty {
        Type::Reference(TypeReference { mutability: None, elem, .. }) => (&**elem, Access::Shared),
        Type::Reference(TypeReference { elem, .. }) => (&**elem, Access::Exclusive),
        ty => (ty, Access::Value),
    };
    let Type::Path(path) = ty else { return None };
    (path.path.segments.last()?.ident == "Controller").then_some(access)
}
