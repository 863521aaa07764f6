//! Setters of options.
//!
//! A setter of a flag takes a `bool`: absent, true and false are three different requests.

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

/// Declares the setters of texts that may be absent.
macro_rules! text_setters {
    ($($set:ident: $field:ident;)*) => {$(
        #[doc = concat!("Sets [`", stringify!($field), "`](Self#structfield.", stringify!($field), ").")]
        #[must_use]
        pub fn $set(mut self, $field: impl Into<String>) -> Self {
            self.$field = Some($field.into());
            self
        }
    )*};
}

/// Declares the setters of lists of texts that may be absent.
macro_rules! text_list_setters {
    ($($set:ident: $field:ident;)*) => {$(
        #[doc = concat!("Sets [`", stringify!($field), "`](Self#structfield.", stringify!($field), ").")]
        #[must_use]
        pub fn $set(mut self, $field: impl IntoIterator<Item = impl Into<String>>) -> Self {
            self.$field = Some($field.into_iter().map(Into::into).collect());
            self
        }
    )*};
}
