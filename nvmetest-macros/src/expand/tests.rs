//! The expansion, as text.

use expect_test::Expect;
use expect_test::expect;
use proc_macro2::TokenStream;
use quote::quote;

fn check(args: TokenStream, item: TokenStream, expected: Expect) {
    let expansion = super::test(args, item);
    let file = syn::parse2(expansion).expect("the expansion is a list of items");
    expected.assert_eq(&prettyplease::unparse(&file));
}

/// Returns the messages of an expansion that is an error, and what stands before them.
fn mistakes(args: TokenStream, item: TokenStream) -> (TokenStream, Vec<String>) {
    let file: syn::File = syn::parse2(super::test(args, item)).expect("a list of items");
    let (errors, rest): (Vec<_>, Vec<_>) = file.items.into_iter().partition(|item| {
        matches!(item, syn::Item::Macro(item) if item.mac.path.segments.last().unwrap().ident == "compile_error")
    });
    let message = |item| match item {
        syn::Item::Macro(item) => item.mac.parse_body::<syn::LitStr>().unwrap().value(),
        _ => unreachable!("partitioned above"),
    };
    (quote!(#(#rest)*), errors.into_iter().map(message).collect())
}

#[test]
fn fixtures_are_made_in_order_and_passed_as_asked() {
    check(
        quote!(spec = "NVM 3.3.4"),
        quote! {
            /// A read returns what was written.
            fn reads_back(nvme: &Controller, q: &Qpair, mut ns: Namespace, buf: &mut Buffer) -> Result {
                Ok(())
            }
        },
        expect![[r#"
            /// A read returns what was written.
            fn reads_back(
                nvme: &Controller,
                q: &Qpair,
                mut ns: Namespace,
                buf: &mut Buffer,
            ) -> Result {
                Ok(())
            }
            const _: () = {
                #[allow(unused_variables)]
                fn __run(nvme: &mut ::nvmetest::Controller) -> ::nvmetest::Result {
                    #[allow(unused_mut)]
                    let mut fixture_1 = ::nvmetest::__private::setup::<Qpair>(nvme)?;
                    #[allow(unused_mut)]
                    let mut fixture_2 = ::nvmetest::__private::setup::<Namespace>(nvme)?;
                    #[allow(unused_mut)]
                    let mut fixture_3 = ::nvmetest::__private::setup::<Buffer>(nvme)?;
                    #[allow(clippy::let_unit_value)]
                    let outcome = reads_back(nvme, &fixture_1, fixture_2, &mut fixture_3);
                    ::nvmetest::__private::report(outcome)
                }
                #[::nvmetest::__private::linkme::distributed_slice(::nvmetest::__private::TESTS)]
                #[linkme(crate = ::nvmetest::__private::linkme)]
                static __TEST: ::nvmetest::__private::TestCase = ::nvmetest::__private::TestCase {
                    module: ::core::module_path!(),
                    name: "reads_back",
                    file: ::core::file!(),
                    line: ::core::line!(),
                    source: ::core::option::Option::None,
                    spec: ::core::option::Option::Some("NVM 3.3.4"),
                    ignore: ::core::option::Option::None,
                    timeout: ::core::option::Option::None,
                    requires: &[],
                    cases: &[
                        ::nvmetest::__private::Case {
                            name: ::core::option::Option::None,
                            run: __run,
                        },
                    ],
                };
            };
        "#]],
    );
}

#[test]
fn each_case_is_a_test() {
    check(
        quote!(
            requires(COMPARE, self::MINE),
            timeout = Duration::from_secs(5),
            cases(one = 1, max = 1 << 16)
        ),
        quote! {
            #[cfg(feature = "long")]
            fn writes(nvme: &mut Controller, #[case] blocks: u32) {}
        },
        expect![[r##"
            #[cfg(feature = "long")]
            fn writes(nvme: &mut Controller, blocks: u32) {}
            #[cfg(feature = "long")]
            const _: () = {
                #[allow(unused_variables)]
                fn __run(nvme: &mut ::nvmetest::Controller, case: u32) -> ::nvmetest::Result {
                    #[allow(clippy::let_unit_value)]
                    let outcome = writes(nvme, case);
                    ::nvmetest::__private::report(outcome)
                }
                #[::nvmetest::__private::linkme::distributed_slice(::nvmetest::__private::TESTS)]
                #[linkme(crate = ::nvmetest::__private::linkme)]
                static __TEST: ::nvmetest::__private::TestCase = ::nvmetest::__private::TestCase {
                    module: ::core::module_path!(),
                    name: "writes",
                    file: ::core::file!(),
                    line: ::core::line!(),
                    source: ::core::option::Option::None,
                    spec: ::core::option::Option::None,
                    ignore: ::core::option::Option::None,
                    timeout: ::core::option::Option::Some({
                        let timeout: ::core::time::Duration = Duration::from_secs(5);
                        timeout
                    }),
                    requires: {
                        #[allow(unused_imports)]
                        use ::nvmetest::capability::*;
                        &[&COMPARE, &self::MINE]
                    },
                    cases: &[
                        ::nvmetest::__private::Case {
                            name: ::core::option::Option::Some("one"),
                            run: |nvme| {
                                let case: u32 = 1;
                                __run(nvme, case)
                            },
                        },
                        ::nvmetest::__private::Case {
                            name: ::core::option::Option::Some("max"),
                            run: |nvme| {
                                let case: u32 = 1 << 16;
                                __run(nvme, case)
                            },
                        },
                    ],
                };
            };
        "##]],
    );
}

#[test]
fn the_function_stands_also_if_there_are_mistakes_and_all_are_reported() {
    let (rest, messages) = mistakes(
        quote!(specc = "Base 5.1", ignore, cases(a = 1, a = 2)),
        quote! {
            async fn wrong<T>(self, nvme: Controller, #[case] case: u32) { body() }
        },
    );
    let function = quote!(
        async fn wrong<T>(self, nvme: Controller, case: u32) {
            body()
        }
    );
    assert_eq!(rest.to_string(), function.to_string());
    expect![[r#"
        [
            "unknown argument `specc`, expected one of `spec`, `ignore`, `timeout`, `requires`, `cases`",
            "`ignore` needs a value: `ignore = \"the reason\"`",
            "the case `a` is given twice",
            "a test cannot be `async`: run a command to wait for it, or open a scope to have several in flight",
            "a test cannot be generic: use `cases(...)` for values",
            "a test is a free function: it has no `self`",
            "the controller lives for the session: take `&Controller`, or `&mut Controller` to reset it",
        ]
    "#]].assert_debug_eq(&messages);
}

#[test]
fn what_is_no_function_stays_as_it_is() {
    let item: TokenStream = "struct Fixture;".parse().unwrap();
    let (rest, messages) = mistakes(quote!(), item.clone());
    assert_eq!(rest.to_string(), item.to_string());
    assert_eq!(messages, ["`#[nvme_test]` is for functions"]);
}

/// Macro input that does not parse as Rust is still emitted, and the compiler says what is wrong with it.
#[test]
fn a_body_that_does_not_parse_is_left_to_the_compiler() {
    let item = quote!(fn typing(ns: Namespace) { ns. });
    let expansion = super::test(quote!(), item.clone()).to_string();
    assert!(expansion.starts_with(&item.to_string()), "{expansion}");
    assert!(!expansion.contains("compile_error"), "{expansion}");
}
