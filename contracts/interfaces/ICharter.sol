// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {MemberId, SubcontractId} from "../types/Ids.sol";

/// @notice Where a subcontract stands in its life (R5.6). A draft is a file at home; the chain first sees it open.
enum SubcontractState {
    None,
    Open,
    Enacted,
    Active,
    Suspended,
    Sunset
}

/// @notice The parts of the charter, in the order in which they are installed; the charter creates each, so
/// each knows all the others' addresses from the start.
enum Module {
    Roster,
    Ledger,
    Committee,
    Docket,
    Mandates
}

/// @notice One entrenched limit each (R3); `Charter.limit` gives its value, which moves in one direction only.
enum Limit {
    HighestMultipleBps, // highest multiple in any price table, bps of the base; down
    GuaranteeShareBps, // guarantee cap per loan, bps of what the guarantor has above their floor; down
    PledgeDiversionBps, // share of a pledge usable for anything but its purpose; down
    PledgeNoticeSeconds, // notice before a pledge may fall; up
    RuleNoticeSeconds, // notice before an adverse common rule takes effect; up
    EvidenceBps, // evidence threshold for conduct findings; up
    BreadFloorBps, // share of the stipend beyond sanction; up
    RawRetentionSeconds, // how long raw recordings may be kept; down
    FeeBps, // fees to operators plus stewards, bps of settled value; down
    AdmissionBps // admissions per 90 days, bps of N (never fewer than 2); down
}

/// @notice How long the witness waits (architecture, "Agreement between seats"); signed at founding.
struct CommitteeParameters {
    uint32 graceSeconds; // from an epoch's end to the first turn; intake closes at half of it
    uint32 turnSeconds; // one attempt
    uint16 finalityBlocks; // depth at which the chain is believed
    uint64 bond; // refundable bond of a seat, units of H (R22)
}

/// @notice A founder: current key and household (R2.1). Member ids follow the founders' order, from 1.
struct Founder {
    address key;
    uint16 household;
}

/// @notice A subcontract of the first set: the creation code's hash is its template (R19), `terms` its parameters.
struct FirstSubcontract {
    bytes32 template;
    bytes terms;
}

/// @notice Where this charter comes from (R2.5).
struct Lineage {
    address parent;
    bytes32 kitId;
    bytes32 kitHash;
    bytes32 sourceHash;
}

/// @notice All that founders sign (R2.1).
struct Proposal {
    bytes32 articlesHash; // hash of the charter's words
    address token; // ERC-20 of 6 decimals (R0)
    int32 tz; // offset of local time from UTC, seconds
    uint64 floor; // protected amount of every purse, units of H (R1.2)
    Founder[] founders; // 3 to 25
    address[] seats; // 4 to 31 identity keys
    address[] alternates; // identity keys, in order of succession
    uint64[] limits; // by `Limit`
    bytes32[] modules; // creation-code hashes, by `Module`
    FirstSubcontract[] subcontracts; // ids from 1, in this order
    bytes32 streamsHash; // keccak256(abi.encode(StreamTerms[])) of the docket's first streams
    CommitteeParameters committee;
    Lineage lineage;
}

/// @notice The caps of one mandate as its member signs them (R1.5).
struct MandateCaps {
    SubcontractId subcontract;
    uint64 perEvent; // one line of one report, units of H
    uint64 perPeriod; // one fixed period of 30 days, units of H; binds also where below `perEvent`
    uint64 sharedPerPeriod; // shares of what nobody took, per period, units of H
    uint40 expiry; // unix seconds, at most 365 days ahead
}

/// @notice What one founder's signature carries beside the proposal (R2.1).
struct FounderConsent {
    uint64 globalPerPeriod; // own bound across all subcontracts, units of H per period
    MandateCaps[] mandates;
    uint8 band; // declared band 0..7 (R8)
    bytes32 badge; // hash of the badge that says who takes; zero for none (R7.8)
}

/// @notice What an act waits for.
enum Need {
    Modules, // installed
    Subcontracts, // of the first set, installed
    Streams, // enrolled
    Signatures, // of founders
    Seats, // registered and bonded
    Signers // of a subcontract
}

/// @title The founding charter
/// @notice Holds who founded, what they signed, which subcontracts are law, and the limits that only tighten.
/// @dev POWERS. None after founding beyond the functions listed; no owner, no proxy, no upgrade (R2.4).
/// Deploying the charter is proposing it: its constructor takes the whole proposal. Then `install` five times,
/// `Docket.enrolFirst`, `installFirst` per subcontract, `sign` per founder, seats register, `ignite`.
interface ICharter {
    event Proposed(bytes32 indexed proposal, Proposal terms);
    event Lineaged(address parent, bytes32 kitId, bytes32 kitHash, bytes32 sourceHash);
    event Installed(Module indexed module, address place);
    event FounderSigned(MemberId indexed member, FounderConsent consent);
    event Ignited(uint40 t0);
    event Opened(
        SubcontractId indexed subcontract,
        MemberId indexed sponsor,
        address place,
        bytes32 template,
        bytes32 termsHash,
        bytes terms
    );
    event Objected(SubcontractId indexed subcontract, MemberId indexed member, bytes32 reasonHash);
    event Withdrawn(SubcontractId indexed subcontract);
    event Enacted(SubcontractId indexed subcontract, uint40 since, uint40 sunset);
    event RepealSigned(SubcontractId indexed subcontract, MemberId indexed member);
    event Suspended(SubcontractId indexed subcontract, uint40 since);
    event Resumed(SubcontractId indexed subcontract);
    event Ended(SubcontractId indexed subcontract, uint40 since);
    event TighteningSupported(Limit indexed limit, uint64 value, MemberId indexed member);
    event Tightened(Limit indexed limit, uint64 value, uint40 effect);

    /* WHAT FOUNDING REFUSES (R2) */

    error CountOutOfRange(string what, uint256 given, uint256 least, uint256 most);
    error TokenDecimals(uint256 given, uint256 wanted);
    error OffsetOutOfRange(int32 given, int32 most);
    error KeyMissing(string what, uint256 index);
    error KeyTwice(address key);
    error HouseholdMissing(uint256 founder);

    /// @notice Two of the first set have the same template and terms; both by index.
    error SubcontractTwice(uint256 first, uint256 second);
    error LimitOutOfRange(Limit item, uint64 given, uint64 least, uint64 most);
    error ParametersOutOfRange(CommitteeParameters given);
    error CodeUnknown(bytes32 given, bytes32 wanted);
    error AllInstalled();
    error AlreadyInstalled(SubcontractId id);
    error CreationFailed();
    error FounderUnknown(MemberId given, uint256 most);
    error AlreadySigned(MemberId founder);
    error BandOutOfRange(uint8 given, uint8 most);
    error SigningClosed(uint256 closed, uint256 timestamp);
    error NotHeard(address place);
    error AlreadyIgnited(uint40 t0);
    error NotIgnited();

    /// @notice There are too few yet; also of a subcontract's signers (R5 track A).
    error Missing(Need what, uint256 given, uint256 wanted);

    /* WHAT LATER LAW REFUSES (R3, R5) */

    error StateUnfit(SubcontractId id, SubcontractState given);
    error TooManyOpen(MemberId sponsor, uint256 most);
    error TermsTooLong(uint256 given, uint256 most);
    error TemplateUnfit(uint256 kinds, uint256 pots, uint256 minimumSigners);
    error NotSponsor(SubcontractId id, MemberId given, MemberId wanted);
    error OpenTooShort(SubcontractId id, uint256 timestamp, uint256 earliest);
    error ObjectionsStand(SubcontractId id, uint256 given, uint256 fewerThan);
    error TermsLiveAlready(SubcontractId id, SubcontractId live);
    error ReasonMissing();
    error NotMature(MemberId member, uint40 opened);
    error SignedItself(SubcontractId id, MemberId member);
    error CountedAlready(MemberId member);
    error ObjectionsSpent(MemberId member, uint256 most);
    error NotASigner(SubcontractId id, MemberId member);
    error NotTighter(Limit item, uint64 given, uint64 than);
    error TighteningPending(Limit item, uint64 value, uint40 effect);

    /// @notice Creates the next module from its creation code, whose hash the founders signed.
    function install(bytes calldata creationCode) external returns (address);

    /// @notice Creates subcontract number `id` of the first set from its creation code (state Open until ignition).
    function installFirst(SubcontractId id, bytes calldata creationCode) external returns (address);

    /// @notice Carries one founder's signature over the proposal and their own consent (R2.1); within 30 days.
    function sign(MemberId founder, FounderConsent calldata consent, bytes calldata signature) external;

    /// @notice Sets `t0`, makes founders mature members and enacts the first set (R2.2). Anyone may call.
    function ignite() external;

    /// @notice Opens a subcontract for co-signing (R5 track A). Co-signing is signing its mandate (`IMandates`).
    /// The place covers sponsor and nonce. A member may have at most 2 open, those taken back within 72 h of opening counted.
    function open(bytes calldata creationCode, bytes calldata terms, uint256 nonce)
        external
        returns (SubcontractId);

    function openBySig(
        MemberId sponsor,
        bytes calldata creationCode,
        bytes calldata terms,
        uint256 nonce,
        uint64 deadline,
        bytes calldata signature
    ) external returns (SubcontractId);

    /// @notice "This harms me though I did not sign" (R5, R5.3).
    function object(SubcontractId id, bytes32 reasonHash) external;

    function objectBySig(
        MemberId member,
        SubcontractId id,
        bytes32 reasonHash,
        uint256 nonce,
        uint64 deadline,
        bytes calldata signature
    ) external;

    /// @notice The sponsor takes an open subcontract back.
    function withdrawProposal(SubcontractId id) external;

    function withdrawProposalBySig(
        MemberId sponsor,
        SubcontractId id,
        uint256 nonce,
        uint64 deadline,
        bytes calldata signature
    ) external;

    /// @notice Enacts after 72 h, with enough co-signers and fewer than `ceil(N/5)` objections. Anyone may call.
    function enact(SubcontractId id) external;

    /// @notice One signer agrees to end it; when all have who are bound today or from tomorrow on, it ends at once (R5.7).
    /// @dev For themselves alone a signer ends it by revoking their mandate, from the next local day on (R1.5): sooner than
    /// any notice, and owing nobody a reason.
    function repeal(SubcontractId id) external;

    function repealBySig(
        MemberId member,
        SubcontractId id,
        uint256 nonce,
        uint64 deadline,
        bytes calldata signature
    ) external;

    /// @notice Re-evaluates a subcontract: suspends it under its minimum of signers, ends it 30 days later or at sunset (R5.6).
    function poke(SubcontractId id) external;

    /// @notice One member's support for tightening an entrenched limit; passes with `ceil(2N/3)`, in force 30 days later (R3, track C).
    function tighten(Limit item, uint64 value) external;

    function tightenBySig(
        MemberId member,
        Limit item,
        uint64 value,
        uint256 nonce,
        uint64 deadline,
        bytes calldata signature
    ) external;

    /* VIEWS */

    function proposalHash() external view returns (bytes32);
    function articlesHash() external view returns (bytes32);
    function token() external view returns (address);
    function tz() external view returns (int32);
    function floor() external view returns (uint64);

    /// @notice Ignition, unix seconds; 0 before it.
    function t0() external view returns (uint40);

    /// @notice True where the 30 days passed without all signatures (R2.3).
    function isVoid() external view returns (bool);
    function committeeParameters() external view returns (CommitteeParameters memory);
    function founders() external view returns (Founder[] memory);
    function founderSigned(MemberId founder) external view returns (bool);
    function seats() external view returns (address[] memory);
    function alternates() external view returns (address[] memory);
    function streamsHash() external view returns (bytes32);

    /// @notice Where a module is or will be.
    function module(Module item) external view returns (address);
    function limit(Limit item) external view returns (uint64);

    /// @notice A tightening that has passed and is not yet in force; zeros where there is none (R3).
    function pendingLimit(Limit item) external view returns (uint64 value, uint40 effect);

    /// @notice The subcontract at this address; 0 where there is none.
    function subcontractOf(address place) external view returns (SubcontractId);
    function subcontractAt(SubcontractId id) external view returns (address);
    function subcontractCount() external view returns (uint16);
    function stateOf(SubcontractId id) external view returns (SubcontractState);
    function termsHashOf(SubcontractId id) external view returns (bytes32);

    /// @notice Who opened it; 0 for the first set.
    function sponsorOf(SubcontractId id) external view returns (MemberId);

    /// @notice True where an epoch beginning at `begin` (unix seconds) accrues under this subcontract: it began
    /// after enactment and before suspension or end. Such an epoch still settles after the end (R1, edge cases).
    function accruesAt(SubcontractId id, uint40 begin) external view returns (bool);

    /// @notice True where the subcontract's template declares this kind of movement (R1); bit `kind` of its mask.
    function declares(SubcontractId id, uint8 kind) external view returns (bool);

    /// @notice How many pots the ledger keeps for this subcontract.
    function potsOf(SubcontractId id) external view returns (uint8);
}
