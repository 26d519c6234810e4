/// A page of an answer: the field of its items, the parameter and the field of its token.
macro_rules! page {
    ($vis:vis $page:ident { $items:ident: $list:ident<$item:ty> }, $case:literal, $parameter:literal, $token:ident) => {
        #[derive(serde::Deserialize)]
        #[serde(rename_all = $case)]
        $vis struct $page {
            #[serde(default)]
            $vis $items: $list<$item>,
            $token: Option<String>,
        }

        impl mcp_aws::Page for $page {
            const TOKEN: &'static str = $parameter;

            fn next_token(&mut self) -> Option<String> {
                self.$token.take()
            }
        }
    };
}
pub(crate) use page;
