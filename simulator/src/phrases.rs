//! Texts of customers and assistants in generated chats.
//!
//! Seven languages, right-to-left and wide scripts among them, with emoji, quotes and line breaks, since these reveal
//! encoding errors. This module does not depend on chats.

/// Texts of one language: messages of customers and of the assistant, in any order. `{}` stands for an order number.
#[derive(Debug)]
pub(super) struct Language {
    /// Prefix of phone numbers.
    pub(super) dialling_code: &'static str,
    pub(super) customer: [&'static str; 5],
    pub(super) assistant: [&'static str; 5],
}

/// All languages, the most common first.
pub(super) static LANGUAGES: [Language; 7] = [
    Language {
        dialling_code: "44",
        customer: [
            "Hi, I need help with my order {}",
            "It still hasn't arrived 😕",
            "Can I change the delivery address?\nThe new one is 12 High Street.",
            "That worked, thank you! 🙏",
            "I want to speak to a \"real\" person, please",
        ],
        assistant: [
            "Sure, what is the order number?",
            "Order {} ships tomorrow; you will get a link to follow it.",
            "I have changed the address. Anything else?",
            "You're welcome! Have a lovely day 🌞",
            "I am sorry about that. A colleague will look at it and answer by e-mail within one working day, \
             and you need not do anything until then.",
        ],
    },
    Language {
        dialling_code: "49",
        customer: [
            "Hallo, wo bleibt meine Bestellung {}?",
            "Die Größe passt leider nicht – kann ich umtauschen?",
            "Ich habe schon dreimal geschrieben!",
            "Super, danke schön 👍",
            "Gilt die Rücksendung für 30 Tage?",
        ],
        assistant: [
            "Guten Tag! Ich schaue gleich nach.",
            "Bestellung {} ist heute unterwegs.",
            "Gern: den Rücksendeschein schicke ich Ihnen per E-Mail.",
            "Das tut mir leid. Ich gebe es an eine Kollegin weiter.",
            "Kann ich sonst noch etwas für Sie tun?",
        ],
    },
    Language {
        dialling_code: "34",
        customer: [
            "¡Hola! ¿Dónde está mi pedido {}?",
            "No funciona el código de descuento",
            "Quiero devolver unos zapatos 👟",
            "Perfecto, muchas gracias",
            "¿Tenéis tienda en Málaga?",
        ],
        assistant: [
            "¡Hola! Enseguida lo miro.",
            "El pedido {} llega mañana.",
            "Aquí tienes la etiqueta de devolución.",
            "Lo siento, lo paso a un compañero.",
            "¿Algo más en lo que pueda ayudarte?",
        ],
    },
    Language {
        dialling_code: "33",
        customer: [
            "Bonjour, ma commande {} n'est pas arrivée",
            "L'article reçu est cassé 💔",
            "Est-ce que je peux payer en deux fois ?",
            "Merci beaucoup !",
            "Ce n'est pas ma taille…",
        ],
        assistant: [
            "Bonjour ! Je vérifie tout de suite.",
            "La commande {} sera livrée demain.",
            "Je vous envoie l'étiquette de retour.",
            "Je suis désolée, je transmets à un collègue.",
            "Puis-je vous aider pour autre chose ?",
        ],
    },
    Language {
        dialling_code: "55",
        customer: [
            "Oi! Cadê meu pedido {}?",
            "Não recebi o e-mail de confirmação",
            "Quero trocar a cor",
            "Obrigada!! ❤️",
            "Vocês entregam em São José dos Campos?",
        ],
        assistant: [
            "Olá! Vou verificar agora.",
            "O pedido {} chega amanhã.",
            "Troca feita 👌",
            "Sinto muito, vou passar para um colega.",
            "Posso ajudar em algo mais?",
        ],
    },
    Language {
        dialling_code: "81",
        customer: [
            "注文{}はいつ届きますか？",
            "サイズを交換したいです",
            "ありがとうございます😊",
            "まだ返信がありません",
            "領収書をお願いします",
        ],
        assistant: [
            "お問い合わせありがとうございます。確認いたします。",
            "注文{}は明日お届け予定です。",
            "交換の手続きをいたしました。",
            "担当者におつなぎします。",
            "ほかにご質問はございますか？",
        ],
    },
    Language {
        dialling_code: "971",
        customer: [
            "مرحبا، أين طلبي {}؟",
            "أريد إرجاع المنتج",
            "شكرا جزيلا 🌹",
            "لم يصلني رد حتى الآن",
            "هل التوصيل مجاني؟",
        ],
        assistant: [
            "أهلا بك! سأتحقق من ذلك الآن.",
            "الطلب {} سيصل غدا.",
            "تم إرسال ملصق الإرجاع.",
            "أعتذر، سأحولك إلى زميل.",
            "هل هناك شيء آخر؟",
        ],
    },
];
