//! How an instruction set writes down its operations.

/// The operations of an implementation, one or a few instructions each, written as functions with a bare body. The macro makes
/// them inline and carries the safety argument, which is the same for all of them.
macro_rules! ops {
    () => {};
    (
        unsafe fn $name:ident $(<const $n:ident: $number:ty>)? ($me:ident $(, $arg:ident: $ty:ty)*) $(-> $ret:ty)? { $($body:tt)* }
        $($rest:tt)*
    ) => {
        #[inline(always)]
        unsafe fn $name $(<const $n: $number>)? ($me $(, $arg: $ty)*) $(-> $ret)? {
            // SAFETY: the token proves that the processor has the instructions; none of them asks for alignment, and what
            // the pointers are valid for is the caller's promise, as the trait says.
            unsafe { $($body)* }
        }
        $crate::ops::ops! { $($rest)* }
    };
    (
        fn $name:ident $(<const $n:ident: $number:ty>)? ($me:ident $(, $arg:ident: $ty:ty)*) $(-> $ret:ty)? { $($body:tt)* }
        $($rest:tt)*
    ) => {
        #[inline(always)]
        // Where a set is part of the target, its instructions without pointers are safe as they are.
        #[allow(unused_unsafe)]
        fn $name $(<const $n: $number>)? ($me $(, $arg: $ty)*) $(-> $ret)? {
            // SAFETY: the token proves that the processor has the instructions, and there are no pointers.
            unsafe { $($body)* }
        }
        $crate::ops::ops! { $($rest)* }
    };
}
pub(crate) use ops;

/// The token of an instruction set, and how work is run in code that is compiled for it: `run` of a [`Task`](crate::Task), or
/// `run_bytes` of a [`BytesTask`](crate::BytesTask).
macro_rules! token {
    ($(#[$attribute:meta])* $token:ident: $run:ident $task:ident $(, $features:literal)?) => {
        $(#[$attribute])*
        #[derive(Clone, Copy, Debug)]
        pub(crate) struct $token(());

        impl $token {
            /// Runs a task.
            ///
            /// # Safety
            /// The processor has the instruction set.
            $(#[target_feature(enable = $features)])?
            #[cfg_attr(target_arch = "wasm32", inline(never))]
            pub(crate) unsafe fn $run<T: $crate::$task>(task: T) -> T::Output {
                task.run(Self(()))
            }
        }
    };
}
pub(crate) use token;
