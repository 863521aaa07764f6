//! Setters of options.

/// Declares the setters of options that are public members and may grow in number.
macro_rules! setters {
    ($($set:ident: $field:ident = $type:ty;)*) => {$(
        #[doc = concat!("Sets [`", stringify!($field), "`](Self#structfield.", stringify!($field), ").")]
        #[must_use]
        pub fn $set(mut self, $field: $type) -> Self {
            self.$field = $field.into();
            self
        }
    )*};
}
