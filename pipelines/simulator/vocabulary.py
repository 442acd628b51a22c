"""The contracts' code words in the order in which the simulator counts them; layouts.py translates them."""

PARTY_TYPES = ("person", "sole_proprietor", "corporation")
SEXES = ("female", "male")
CALENDARS = ("solar", "lunar")
CHANNELS = ("branch", "agency", "inbound_call", "outbound_call", "dm", "email", "sms", "web")
BRANCH, AGENCY, INBOUND_CALL, OUTBOUND_CALL, DM, EMAIL, SMS, WEB = range(8)

OCCUPATIONS = (
    "employee",
    "self_employed",
    "public_servant",
    "professional",
    "homemaker",
    "student",
    "farmer",
    "none",
)
INCOME_BANDS = ("under_30m", "30m_to_50m", "50m_to_80m", "80m_to_120m", "over_120m")

STATUSES = ("active", "suspended", "ended")
ACTIVE, SUSPENDED, ENDED = range(3)
END_REASONS = ("cancelled", "matured", "lapsed", "ported_out", "transferred", "ended_by_us", "death")
MATURED, PORTED_OUT = 1, 3
ROLES = ("holder", "joint_holder", "insured", "beneficiary", "payer", "guarantor")

TRANSACTION_TYPES = ("purchase", "return", "payment", "charge", "deposit", "withdrawal", "adjustment")
PURCHASE, RETURN, PAYMENT, CHARGE, DEPOSIT, WITHDRAWAL, ADJUSTMENT = range(7)
AMOUNT_ROLES = ("sale", "refund", "fee", "premium", "interest", "principal")
SALE, REFUND, FEE, PREMIUM, INTEREST, PRINCIPAL = range(6)
INITIATORS = ("customer", "schedule", "company")
CUSTOMER, SCHEDULE, COMPANY = range(3)

PURPOSES = ("retain", "grow", "activate", "acquire")
ASSIGNMENTS = ("treatment", "control")
NOT_SENT_REASONS = ("no_consent", "refusal_list", "frequency_cap", "invalid_address", "vendor_failure")
NO_CONSENT, REFUSAL_LIST, FREQUENCY_CAP, INVALID_ADDRESS, VENDOR_FAILURE = range(5)
RESPONSE_TYPES = ("inquiry", "application", "contract", "redemption", "refusal")
INQUIRY, APPLICATION, CONTRACT, REDEMPTION, REFUSAL = range(5)

DIRECTIONS = ("inbound", "outbound")
DISPOSITIONS = ("answered", "no_answer", "busy", "abandoned", "voicemail", "wrong_number")
ANSWERED, NO_ANSWER, BUSY, ABANDONED, VOICEMAIL, WRONG_NUMBER = range(6)
CALL_REASONS = ("billing", "product", "contract_change", "address_change", "cancellation", "complaint", "campaign")
CAMPAIGN_REASON = 6
