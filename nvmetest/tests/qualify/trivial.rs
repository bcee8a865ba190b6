//! Many tests that do next to nothing: 250, in modules of ten.

macro_rules! modules {
    ($($name:ident)*) => {$(
        mod $name {
            use nvmetest::prelude::*;

            #[nvme_test(cases(
                c0 = 0, c1 = 1, c2 = 2, c3 = 3, c4 = 4, c5 = 5, c6 = 6, c7 = 7, c8 = 8, c9 = 9
            ))]
            fn does_nothing(nvme: &Controller, #[case] _number: u32) -> Result {
                nvme.health()
            }
        }
    )*};
}

modules!(a b c d e f g h i j k l m n o p q r s t u v w x y);
