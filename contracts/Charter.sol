// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {IERC20Metadata} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Metadata.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

import {Signed} from "./Signed.sol";
import {
    CommitteeParameters,
    FirstSubcontract,
    Founder,
    FounderConsent,
    ICharter,
    Limit,
    Module,
    Need,
    Proposal,
    SubcontractState
} from "./interfaces/ICharter.sol";
import {ICommittee} from "./interfaces/ICommittee.sol";
import {IDocket} from "./interfaces/IDocket.sol";
import {Kind} from "./interfaces/ILedger.sol";
import {IMandates} from "./interfaces/IMandates.sol";
import {IRoster} from "./interfaces/IRoster.sol";
import {ISubcontract} from "./interfaces/ISubcontract.sol";
import {Foreign} from "./libraries/Foreign.sol";
import {Limits} from "./libraries/Limits.sol";
import {Words} from "./libraries/Words.sol";
import {Calendar} from "./types/Calendar.sol";
import {MemberId, SubcontractId} from "./types/Ids.sol";

/// @title The founding charter
/// @notice Who founded, what they signed, which subcontracts are law, and the limits that only tighten.
/// @dev POWERS. None beyond the functions of `ICharter`; no owner, no proxy, no upgrade (R2.4).
/// ASSUMPTIONS. The five modules are the code whose hashes the founders signed; subcontracts are foreign code (R1.9).
/// UNITS. Times in unix seconds, limits as `Limit` names them.
contract Charter is ICharter, Signed {
    using Limits for Limit;

    /* CONSTANTS */

    uint256 private constant SIGNING_WINDOW = 30 days;
    uint256 private constant OPEN_AT_LEAST = 72 hours;
    uint256 private constant OPEN_AT_MOST = 30 days;
    uint256 private constant LIFETIME = 365 days;
    uint256 private constant SUSPENDED_AT_MOST = 30 days;
    uint256 private constant TIGHTENING_ROUND = 30 days;
    uint256 private constant TIGHTENING_NOTICE = 30 days;
    uint256 private constant OBJECTION_WINDOW = 30 days;
    uint256 private constant REPEAL_WINDOW = 30 days;

    uint256 private constant MODULES = uint256(type(Module).max) + 1;
    uint256 private constant LEAST_FOUNDERS = 3;
    uint256 private constant MOST_FOUNDERS = 25;
    uint256 private constant LEAST_SEATS = 4;
    uint256 private constant MOST_SEATS = 31;
    uint256 private constant MOST_ALTERNATES = 31;
    uint256 private constant MOST_SUBCONTRACTS = 8;
    uint256 private constant MOST_OPEN = 2;
    uint256 private constant MOST_LONE_OBJECTIONS = 3;
    uint256 private constant MOST_POTS = 8;
    uint256 private constant KINDS = uint256(type(Kind).max) + 1;
    uint256 private constant MOST_TERMS = 8192; // bytes
    uint8 private constant HIGHEST_BAND = 7;
    bytes32 private constant NO_STREAMS = keccak256(abi.encode(0x20, 0)); // an empty `StreamTerms[]`

    /// @dev Gas for one question to a subcontract, and for telling it of a founder (R1.9).
    uint256 private constant ASK_GAS = 50_000;
    uint256 private constant TELL_GAS = 200_000;

    /* WHAT IS SIGNED (R1.8) */

    bytes32 private constant FOUND_TYPEHASH = keccak256(
        "FoundCharter(string deed,bytes32 proposal,string mostPerPeriod,string mandates,uint8 band,bytes32 badge)"
    );
    bytes32 private constant FOUND_DEED =
        keccak256("I found this charter as proposed and grant the mandates below.");

    bytes32 private constant OPEN_TYPEHASH = keccak256(
        "OpenSubcontract(string deed,bytes32 template,bytes32 termsHash,uint256 nonce,uint64 deadlineUnixSeconds)"
    );
    bytes32 private constant OPEN_DEED = keccak256("I open this subcontract for others to sign.");

    bytes32 private constant OBJECT_TYPEHASH = keccak256(
        "ObjectToSubcontract(string deed,uint16 subcontract,bytes32 termsHash,bytes32 reasonHash,uint256 nonce,uint64 deadlineUnixSeconds)"
    );
    bytes32 private constant OBJECT_DEED = keccak256("This subcontract harms me though I did not sign it.");

    bytes32 private constant WITHDRAW_TYPEHASH = keccak256(
        "WithdrawProposal(string deed,uint16 subcontract,bytes32 termsHash,uint256 nonce,uint64 deadlineUnixSeconds)"
    );
    bytes32 private constant WITHDRAW_DEED = keccak256("I take back the subcontract I opened.");

    bytes32 private constant REPEAL_TYPEHASH = keccak256(
        "RepealSubcontract(string deed,uint16 subcontract,bytes32 termsHash,uint256 nonce,uint64 deadlineUnixSeconds)"
    );
    bytes32 private constant REPEAL_DEED =
        keccak256("I agree to end this subcontract for everybody who signed it.");

    bytes32 private constant TIGHTEN_TYPEHASH = keccak256(
        "TightenLimit(string deed,string limit,uint64 value,uint256 nonce,uint64 deadlineUnixSeconds)"
    );
    bytes32 private constant TIGHTEN_DEED =
        keccak256("I support tightening this limit, which can never be loosened again.");

    /* IMMUTABLES */

    /// @inheritdoc ICharter
    bytes32 public immutable proposalHash;
    /// @inheritdoc ICharter
    bytes32 public immutable articlesHash;
    /// @inheritdoc ICharter
    bytes32 public immutable streamsHash;
    /// @inheritdoc ICharter
    address public immutable token;
    /// @inheritdoc ICharter
    int32 public immutable tz;
    /// @inheritdoc ICharter
    uint64 public immutable floor;

    /// @notice When the charter was proposed; the signing window runs from it (R2.1).
    uint40 public immutable proposedAt;

    IRoster private immutable _ROSTER;
    address private immutable _LEDGER;
    IMandates private immutable _MANDATES;
    ICommittee private immutable _COMMITTEE;
    IDocket private immutable _DOCKET;

    /* STORAGE */

    /// @dev Who raised a hand since `opened`, when `population` members could (R5.2).
    struct Count {
        uint40 opened;
        uint16 population;
        MemberId[] members;
    }

    /// @dev A span of time in which epochs begin to accrue: after `from`, before `until` (0 while it lasts). Ascending.
    struct Span {
        uint40 from;
        uint40 until;
    }

    struct Subcontract {
        address place;
        SubcontractState state;
        MemberId sponsor;
        uint16 kinds;
        uint8 pots;
        uint16 minimum;
        uint40 enacted;
        uint40 sunset;
        uint40 suspended;
        bytes32 termsHash;
        Span[] spans;
        Count objections;
    }

    /// @dev An objection nobody has joined uses one of a member's three for 30 days (R5.3).
    struct LoneObjection {
        SubcontractId id;
        uint40 at;
    }

    struct Tightening {
        uint64 value;
        uint40 effect;
    }

    /// @inheritdoc ICharter
    uint40 public t0;
    /// @inheritdoc ICharter
    uint16 public subcontractCount;
    uint8 private _installed;
    uint8 private _installedFirst;
    uint8 private _signatures;

    CommitteeParameters private _committee;
    Founder[] private _founders;
    address[] private _seats;
    address[] private _alternates;
    bytes32[] private _moduleHashes;

    mapping(MemberId => bool) private _signed;
    mapping(SubcontractId => FirstSubcontract) private _first;
    mapping(SubcontractId => Subcontract) private _subcontracts;
    mapping(address place => SubcontractId) private _idOf;
    /// @dev By sponsor, so that nobody keeps another's subcontract out by a copy of its terms.
    mapping(MemberId sponsor => mapping(bytes32 termsHash => SubcontractId)) private _liveTerms;
    mapping(MemberId => SubcontractId[MOST_OPEN]) private _openBy;
    mapping(MemberId => LoneObjection[MOST_LONE_OBJECTIONS]) private _loneObjections;
    mapping(SubcontractId => mapping(MemberId => uint40 at)) private _repealSigned;

    mapping(Limit => uint64) private _limits;
    mapping(Limit => Tightening) private _tightenings;
    mapping(Limit => mapping(uint64 value => Count)) private _support;

    /* CONSTRUCTOR */

    /// @notice Deploying is proposing (R2.1).
    constructor(Proposal memory proposal) {
        _checkRange("founders", proposal.founders.length, LEAST_FOUNDERS, MOST_FOUNDERS);
        _checkRange("seats", proposal.seats.length, LEAST_SEATS, MOST_SEATS);
        _checkRange("alternates", proposal.alternates.length, 0, MOST_ALTERNATES);
        _checkRange("limits", proposal.limits.length, Limits.COUNT, Limits.COUNT);
        _checkRange("modules", proposal.modules.length, MODULES, MODULES);
        _checkRange("subcontracts", proposal.subcontracts.length, 1, MOST_SUBCONTRACTS);
        _checkToken(proposal.token);
        _checkKeys(proposal);
        if (proposal.tz <= -1 days || proposal.tz >= 1 days) {
            revert OffsetOutOfRange(proposal.tz, int32(1 days) - 1);
        }
        if (
            proposal.committee.graceSeconds == 0 || proposal.committee.turnSeconds == 0
                || proposal.committee.finalityBlocks == 0 || proposal.committee.graceSeconds > 1 days
                || proposal.committee.turnSeconds > 1 days
        ) revert ParametersOutOfRange(proposal.committee);

        proposalHash = keccak256(abi.encode(proposal));
        articlesHash = proposal.articlesHash;
        streamsHash = proposal.streamsHash;
        token = proposal.token;
        tz = proposal.tz;
        floor = proposal.floor;
        proposedAt = uint40(block.timestamp);
        _ROSTER = IRoster(_created(Module.Roster));
        _LEDGER = _created(Module.Ledger);
        _COMMITTEE = ICommittee(_created(Module.Committee));
        _DOCKET = IDocket(_created(Module.Docket));
        _MANDATES = IMandates(_created(Module.Mandates));

        _committee = proposal.committee;
        _seats = proposal.seats;
        _alternates = proposal.alternates;
        _moduleHashes = proposal.modules;
        for (uint256 i; i < proposal.founders.length; ++i) {
            _founders.push(proposal.founders[i]);
        }
        for (uint256 i; i < proposal.limits.length; ++i) {
            Limit item = Limit(i);
            (uint64 least, uint64 most) = item.range();
            uint64 value = proposal.limits[i];
            if (value < least || value > most) revert LimitOutOfRange(item, value, least, most);
            _limits[item] = value;
        }
        for (uint256 i; i < proposal.subcontracts.length; ++i) {
            FirstSubcontract memory first = proposal.subcontracts[i];
            _checkTerms(first.terms.length);
            // Two alike could be signed for and never be ignited.
            for (uint256 j; j < i; ++j) {
                FirstSubcontract memory other = proposal.subcontracts[j];
                if (_hashTerms(first.template, first.terms) == _hashTerms(other.template, other.terms)) {
                    revert SubcontractTwice(j, i);
                }
            }
            // At most `MOST_SUBCONTRACTS`.
            // forge-lint: disable-next-line(unsafe-typecast)
            _first[SubcontractId.wrap(uint16(i + 1))] = first;
        }
        // forge-lint: disable-next-line(unsafe-typecast)
        subcontractCount = uint16(proposal.subcontracts.length);

        emit Proposed(proposalHash, proposal);
        // Part of what is signed, so nobody can say later that it was another (R2.5).
        emit Lineaged(
            proposal.lineage.parent,
            proposal.lineage.kitId,
            proposal.lineage.kitHash,
            proposal.lineage.sourceHash
        );
    }

    function _checkRange(string memory what, uint256 given, uint256 least, uint256 most) private pure {
        if (given < least || given > most) revert CountOutOfRange(what, given, least, most);
    }

    /// @dev An address without code fails the same way: it gives no word.
    function _checkToken(address given) private view {
        uint256 decimals = Foreign.ask(given, ASK_GAS, abi.encodeCall(IERC20Metadata.decimals, ()));
        if (decimals != 6) revert TokenDecimals(decimals, 6);
    }

    /// @dev Founders are distinct from each other, and so are seats with their alternates; a founder may also be a
    /// seat's operator (R7, edge cases).
    function _checkKeys(Proposal memory proposal) private pure {
        Founder[] memory people = proposal.founders;
        for (uint256 i; i < people.length; ++i) {
            if (people[i].key == address(0)) revert KeyMissing("founder", i);
            if (people[i].household == 0) revert HouseholdMissing(i);
            for (uint256 j; j < i; ++j) {
                if (people[j].key == people[i].key) revert KeyTwice(people[i].key);
            }
        }

        uint256 seated = proposal.seats.length;
        address[] memory identities = new address[](seated + proposal.alternates.length);
        for (uint256 i; i < identities.length; ++i) {
            identities[i] = i < seated ? proposal.seats[i] : proposal.alternates[i - seated];
            if (identities[i] == address(0)) {
                bool seat = i < seated;
                revert KeyMissing(seat ? "seat" : "alternate", seat ? i : i - seated);
            }
            for (uint256 j; j < i; ++j) {
                if (identities[j] == identities[i]) revert KeyTwice(identities[i]);
            }
        }
    }

    /// @dev Where a module lands: the hash of the RLP list of creator and nonce, which for a nonce below 128 is these 23
    /// bytes. Modules are created before anything else and in the order of `Module`, so their nonces are 1 to 5.
    function _created(Module item) private view returns (address) {
        return address(
            uint160(
                uint256(keccak256(abi.encodePacked(bytes2(0xd694), address(this), bytes1(uint8(item) + 1))))
            )
        );
    }

    /* FOUNDING (R2) */

    /// @inheritdoc ICharter
    function install(bytes calldata creationCode) external returns (address place) {
        uint256 next = _installed;
        if (next == MODULES) revert AllInstalled();
        _checkCode(keccak256(creationCode), _moduleHashes[next]);

        // There are five modules.
        // forge-lint: disable-next-line(unsafe-typecast)
        _installed = uint8(next + 1);
        bytes memory code = creationCode;
        // Solidity has no plain creation from code given at run time; the hash above says what it is.
        assembly ("memory-safe") {
            place := create(0, add(code, 0x20), mload(code))
        }
        if (place == address(0)) revert CreationFailed();

        emit Installed(Module(next), place);
    }

    /// @inheritdoc ICharter
    function installFirst(SubcontractId id, bytes calldata creationCode) external returns (address place) {
        _need(Need.Modules, _installed, MODULES);
        FirstSubcontract memory first = _first[id];
        _checkCode(keccak256(creationCode), first.template);
        if (_subcontracts[id].place != address(0)) revert AlreadyInstalled(id);

        _installedFirst++;
        place = _create(
            id, MemberId.wrap(0), bytes32(uint256(SubcontractId.unwrap(id))), creationCode, first.terms
        );
        delete _first[id].terms; // The subcontract has them now, and the events.
    }

    function _checkCode(bytes32 given, bytes32 wanted) private pure {
        if (given != wanted) revert CodeUnknown(given, wanted);
    }

    /// @inheritdoc ICharter
    /// @dev The founder's own deadline is the signing window's end; the signature can be carried once.
    function sign(MemberId founder, FounderConsent memory consent, bytes calldata signature) external {
        uint256 number = MemberId.unwrap(founder);
        if (number == 0 || number > _founders.length) revert FounderUnknown(founder, _founders.length);
        _need(Need.Subcontracts, _installedFirst, subcontractCount);
        if (block.timestamp > proposedAt + SIGNING_WINDOW) {
            revert SigningClosed(proposedAt + SIGNING_WINDOW, block.timestamp);
        }
        if (_signed[founder]) revert AlreadySigned(founder);
        if (consent.band > HIGHEST_BAND) revert BandOutOfRange(consent.band, HIGHEST_BAND);
        address key = _founders[number - 1].key;
        bytes32 digest = _hashTypedDataV4(_consentHash(consent));
        if (!SignatureChecker.isValidSignatureNowCalldata(key, digest, signature)) {
            revert SignatureInvalid(key);
        }

        _signed[founder] = true;
        _signatures++;

        emit FounderSigned(founder, consent);

        _MANDATES.foundMandates(founder, consent.globalPerPeriod, consent.mandates);
        if (consent.badge != 0) _DOCKET.foundBadge(founder, consent.badge);
        bytes memory message = abi.encodeCall(ISubcontract.founderJoined, (founder, consent.band));
        for (uint16 i = 1; i <= subcontractCount; ++i) {
            address place = _subcontracts[SubcontractId.wrap(i)].place;
            if (!Foreign.tell(place, TELL_GAS, message)) revert NotHeard(place);
        }
    }

    /// @dev The struct hash of one founder's signature: the proposal, and what they bind themselves to, in words.
    function _consentHash(FounderConsent memory consent) private view returns (bytes32) {
        return keccak256(
            abi.encode(
                FOUND_TYPEHASH,
                FOUND_DEED,
                proposalHash,
                keccak256(bytes(Words.money(consent.globalPerPeriod))),
                keccak256(bytes(Words.mandates(consent.mandates))),
                consent.band,
                consent.badge
            )
        );
    }

    /// @inheritdoc ICharter
    function ignite() external {
        if (t0 != 0) revert AlreadyIgnited(t0);
        _need(Need.Signatures, _signatures, _founders.length);
        _need(Need.Seats, _COMMITTEE.registered(), Math.max(LEAST_SEATS, _COMMITTEE.quorum()));
        // A charter whose signed list of streams is empty has none to wait for.
        if (streamsHash != NO_STREAMS) _need(Need.Streams, _DOCKET.streamCount(), 1);

        t0 = uint40(block.timestamp);

        emit Ignited(t0);

        for (uint16 i = 1; i <= subcontractCount; ++i) {
            _enact(SubcontractId.wrap(i));
        }
        _COMMITTEE.open();
    }

    function _need(Need what, uint256 given, uint256 wanted) private pure {
        if (given < wanted) revert Missing(what, given, wanted);
    }

    /* SUBCONTRACTS, TRACK A (R5) */

    /// @inheritdoc ICharter
    function open(bytes calldata creationCode, bytes calldata terms, uint256 nonce)
        external
        returns (SubcontractId)
    {
        return _open(_caller(), creationCode, terms, nonce);
    }

    /// @inheritdoc ICharter
    function openBySig(
        MemberId sponsor,
        bytes calldata creationCode,
        bytes calldata terms,
        uint256 nonce,
        uint64 deadline,
        bytes calldata signature
    ) external returns (SubcontractId) {
        bytes32 template = keccak256(creationCode);
        _take(
            sponsor,
            keccak256(
                abi.encode(OPEN_TYPEHASH, OPEN_DEED, template, _hashTerms(template, terms), nonce, deadline)
            ),
            nonce,
            deadline,
            signature
        );
        return _open(sponsor, creationCode, terms, nonce);
    }

    function _open(MemberId sponsor, bytes calldata creationCode, bytes calldata terms, uint256 nonce)
        private
        returns (SubcontractId id)
    {
        _checkTerms(terms.length);
        uint256 slot;
        while (slot < MOST_OPEN && _takesPlace(_openBy[sponsor][slot])) ++slot;
        if (slot == MOST_OPEN) revert TooManyOpen(sponsor, MOST_OPEN);

        id = SubcontractId.wrap(++subcontractCount);
        _openBy[sponsor][slot] = id;
        // The place covers sponsor and nonce, so nobody can take it before them (R5, edge cases).
        _create(id, sponsor, keccak256(abi.encode(sponsor, nonce)), creationCode, terms);
    }

    /// @dev Taken back or not, a proposal has its sponsor's place for 72 hours: numbers are for ever, and there are 65,535.
    function _takesPlace(SubcontractId id) private view returns (bool) {
        return block.timestamp < _subcontracts[id].objections.opened + OPEN_AT_LEAST
            || stateOf(id) == SubcontractState.Open;
    }

    function _checkTerms(uint256 length) private pure {
        if (length > MOST_TERMS) revert TermsTooLong(length, MOST_TERMS);
    }

    function _hashTerms(bytes32 template, bytes memory terms) private pure returns (bytes32) {
        return keccak256(abi.encode(template, terms));
    }

    /// @dev Creates a subcontract and asks it what it needs. The template is whatever code was signed for: what it may do is
    /// bounded by the ledger, not by trust (R1.9).
    function _create(
        SubcontractId id,
        MemberId sponsor,
        bytes32 salt,
        bytes calldata creationCode,
        bytes memory terms
    ) private returns (address place) {
        bytes memory code = abi.encodePacked(creationCode, abi.encode(ICharter(this), id, terms));
        // As in `install`; the salt makes the place known beforehand.
        assembly ("memory-safe") {
            place := create2(0, add(code, 0x20), mload(code), salt)
        }
        if (place == address(0)) revert CreationFailed();

        uint256 kinds = Foreign.ask(place, ASK_GAS, abi.encodeCall(ISubcontract.kinds, ()));
        uint256 pots = Foreign.ask(place, ASK_GAS, abi.encodeCall(ISubcontract.pots, ()));
        uint256 minimum = Foreign.ask(place, ASK_GAS, abi.encodeCall(ISubcontract.minimumSigners, ()));
        if (kinds >> KINDS != 0 || pots > MOST_POTS || minimum == 0 || minimum > type(uint16).max) {
            revert TemplateUnfit(kinds, pots, minimum);
        }

        Subcontract storage subcontract = _subcontracts[id];
        bytes32 template = keccak256(creationCode);
        subcontract.place = place;
        subcontract.state = SubcontractState.Open;
        subcontract.sponsor = sponsor;
        // Just bounded.
        // forge-lint: disable-start(unsafe-typecast)
        subcontract.kinds = uint16(kinds);
        subcontract.pots = uint8(pots);
        subcontract.minimum = uint16(minimum);
        // forge-lint: disable-end(unsafe-typecast)
        _begin(subcontract.objections);
        subcontract.termsHash = _hashTerms(template, terms);
        _idOf[place] = id;

        emit Opened(id, sponsor, place, template, subcontract.termsHash, terms);
    }

    /// @inheritdoc ICharter
    function object(SubcontractId id, bytes32 reasonHash) external {
        _object(_caller(), id, reasonHash);
    }

    /// @inheritdoc ICharter
    function objectBySig(
        MemberId member,
        SubcontractId id,
        bytes32 reasonHash,
        uint256 nonce,
        uint64 deadline,
        bytes calldata signature
    ) external {
        bytes32 structHash = keccak256(
            abi.encode(
                OBJECT_TYPEHASH, OBJECT_DEED, id, _subcontracts[id].termsHash, reasonHash, nonce, deadline
            )
        );
        _take(member, structHash, nonce, deadline, signature);
        _object(member, id, reasonHash);
    }

    function _object(MemberId member, SubcontractId id, bytes32 reasonHash) private {
        _checkOpen(id);
        Subcontract storage subcontract = _subcontracts[id];
        if (reasonHash == 0) revert ReasonMissing();
        if (_isAmong(member, _signers(id))) revert SignedItself(id, member);

        // Who joins another's objection has a co-objector; alone, it uses one of three (R5.3).
        if (subcontract.objections.members.length == 0) _useLoneObjection(member, id);
        _raise(subcontract.objections, member);

        emit Objected(id, member, reasonHash);
    }

    function _useLoneObjection(MemberId member, SubcontractId id) private {
        LoneObjection[MOST_LONE_OBJECTIONS] storage used = _loneObjections[member];
        for (uint256 i; i < MOST_LONE_OBJECTIONS; ++i) {
            bool old = block.timestamp >= used[i].at + OBJECTION_WINDOW;
            if (old || _subcontracts[used[i].id].objections.members.length > 1) {
                used[i] = LoneObjection(id, uint40(block.timestamp));
                return;
            }
        }
        revert ObjectionsSpent(member, MOST_LONE_OBJECTIONS);
    }

    /// @inheritdoc ICharter
    function withdrawProposal(SubcontractId id) external {
        _withdrawProposal(_caller(), id);
    }

    /// @inheritdoc ICharter
    function withdrawProposalBySig(
        MemberId sponsor,
        SubcontractId id,
        uint256 nonce,
        uint64 deadline,
        bytes calldata signature
    ) external {
        _takeAbout(sponsor, WITHDRAW_TYPEHASH, WITHDRAW_DEED, id, nonce, deadline, signature);
        _withdrawProposal(sponsor, id);
    }

    function _withdrawProposal(MemberId member, SubcontractId id) private {
        _checkOpen(id);
        Subcontract storage subcontract = _subcontracts[id];
        if (subcontract.sponsor != member) revert NotSponsor(id, member, subcontract.sponsor);

        subcontract.state = SubcontractState.Sunset;

        emit Withdrawn(id);
    }

    /// @inheritdoc ICharter
    function enact(SubcontractId id) external {
        _checkOpen(id);
        Subcontract storage subcontract = _subcontracts[id];
        uint256 earliest = subcontract.objections.opened + OPEN_AT_LEAST;
        if (block.timestamp < earliest) revert OpenTooShort(id, block.timestamp, earliest);
        _need(Need.Signers, _MANDATES.signerCount(id), subcontract.minimum);
        uint256 bar = Math.ceilDiv(_electorate(subcontract.objections), 5);
        uint256 objections = _objections(id);
        if (objections >= bar) revert ObjectionsStand(id, objections, bar);

        _enact(id);
    }

    function _enact(SubcontractId id) private {
        Subcontract storage subcontract = _subcontracts[id];
        SubcontractId live = _liveTerms[subcontract.sponsor][subcontract.termsHash];
        if (_lives(stateOf(live))) revert TermsLiveAlready(id, live);

        uint40 now_ = uint40(block.timestamp);
        subcontract.state = SubcontractState.Enacted;
        subcontract.enacted = now_;
        // Unix seconds of any real chain fit into 40 bits.
        // forge-lint: disable-next-line(unsafe-typecast)
        subcontract.sunset = uint40(now_ + LIFETIME);
        subcontract.spans.push(Span(now_, 0));
        _liveTerms[subcontract.sponsor][subcontract.termsHash] = id;

        emit Enacted(id, now_, subcontract.sunset);
    }

    /// @inheritdoc ICharter
    function repeal(SubcontractId id) external {
        _repeal(_caller(), id);
    }

    /// @inheritdoc ICharter
    function repealBySig(
        MemberId member,
        SubcontractId id,
        uint256 nonce,
        uint64 deadline,
        bytes calldata signature
    ) external {
        _takeAbout(member, REPEAL_TYPEHASH, REPEAL_DEED, id, nonce, deadline, signature);
        _repeal(member, id);
    }

    /// @dev One signer's agreement stands for `REPEAL_WINDOW`. Signers are those bound today and those bound from the next
    /// local day on: who is bound by either loses something by the end.
    function _repeal(MemberId member, SubcontractId id) private {
        SubcontractState state = stateOf(id);
        if (!_lives(state)) revert StateUnfit(id, state);
        MemberId[] memory today = _MANDATES.signersAt(id, uint40(block.timestamp));
        MemberId[] memory tomorrow = _signers(id);
        if (!_isAmong(member, today) && !_isAmong(member, tomorrow)) revert NotASigner(id, member);

        _repealSigned[id][member] = uint40(block.timestamp);

        emit RepealSigned(id, member);

        if (_allRepeal(id, today) && _allRepeal(id, tomorrow)) _end(id, uint40(block.timestamp));
    }

    function _allRepeal(SubcontractId id, MemberId[] memory signers) private view returns (bool) {
        for (uint256 i; i < signers.length; ++i) {
            uint40 at = _repealSigned[id][signers[i]];
            if (at == 0 || block.timestamp > at + REPEAL_WINDOW) return false;
        }
        return true;
    }

    /// @inheritdoc ICharter
    function poke(SubcontractId id) external {
        Subcontract storage subcontract = _subcontracts[id];
        SubcontractState kept = subcontract.state;
        uint40 now_ = uint40(block.timestamp);

        if (kept == SubcontractState.Open && stateOf(id) == SubcontractState.Sunset) {
            subcontract.state = SubcontractState.Sunset;
            emit Withdrawn(id);
        } else if (kept == SubcontractState.Enacted || kept == SubcontractState.Suspended) {
            uint40 ends = _endsAt(subcontract);
            if (now_ >= ends) {
                _end(id, ends);
                return;
            }
            bool enough = _MANDATES.signerCount(id) >= subcontract.minimum;
            if (kept == SubcontractState.Enacted && !enough) {
                subcontract.state = SubcontractState.Suspended;
                subcontract.suspended = now_;
                _closeSpan(subcontract, now_);
                emit Suspended(id, now_);
            } else if (kept == SubcontractState.Suspended && enough) {
                subcontract.state = SubcontractState.Enacted;
                subcontract.suspended = 0;
                subcontract.spans.push(Span(now_, 0));
                emit Resumed(id);
            }
        }
    }

    function _end(SubcontractId id, uint40 since) private {
        Subcontract storage subcontract = _subcontracts[id];
        if (subcontract.state == SubcontractState.Enacted) _closeSpan(subcontract, since);
        subcontract.state = SubcontractState.Sunset;

        emit Ended(id, since);
    }

    function _closeSpan(Subcontract storage subcontract, uint40 until) private {
        subcontract.spans[subcontract.spans.length - 1].until = until;
    }

    /// @dev The instant at which an enacted or suspended subcontract ends unless something else happens.
    function _endsAt(Subcontract storage subcontract) private view returns (uint40) {
        if (subcontract.state != SubcontractState.Suspended) return subcontract.sunset;
        return uint40(Math.min(subcontract.sunset, subcontract.suspended + SUSPENDED_AT_MOST));
    }

    /* ENTRENCHED LIMITS (R3) */

    /// @inheritdoc ICharter
    function tighten(Limit item, uint64 value) external {
        _tighten(_caller(), item, value);
    }

    /// @inheritdoc ICharter
    function tightenBySig(
        MemberId member,
        Limit item,
        uint64 value,
        uint256 nonce,
        uint64 deadline,
        bytes calldata signature
    ) external {
        bytes32 structHash = keccak256(
            abi.encode(TIGHTEN_TYPEHASH, TIGHTEN_DEED, keccak256(bytes(item.name())), value, nonce, deadline)
        );
        _take(member, structHash, nonce, deadline, signature);
        _tighten(member, item, value);
    }

    /// @dev The one place where a limit changes after founding; `tighter` is its one direction (I14).
    function _tighten(MemberId member, Limit item, uint64 value) private {
        (uint64 pending, uint40 since) = pendingLimit(item);
        if (since != 0) revert TighteningPending(item, pending, since);
        uint64 current = limit(item);
        (uint64 least, uint64 most) = item.range();
        if (value < least || value > most) revert LimitOutOfRange(item, value, least, most);
        if (!item.tighter(value, current)) revert NotTighter(item, value, current);

        Count storage support = _support[item][value];
        if (block.timestamp > support.opened + TIGHTENING_ROUND) _begin(support);
        _raise(support, member);

        emit TighteningSupported(item, value, member);

        if (_stillMembers(support.members) >= Math.ceilDiv(2 * _electorate(support), 3)) {
            // Unix seconds of any real chain fit into 40 bits.
            // forge-lint: disable-next-line(unsafe-typecast)
            uint40 effect = uint40(block.timestamp + TIGHTENING_NOTICE);
            _limits[item] = current;
            _tightenings[item] = Tightening(value, effect);
            delete support.opened;

            emit Tightened(item, value, effect);
        }
    }

    /* COUNTS (R5.2) */

    function _begin(Count storage count) private {
        count.opened = uint40(block.timestamp);
        count.population = _ROSTER.population();
        delete count.members;
    }

    /// @dev Only who was mature when the count began (R4.4), once each; so there are at most 150 (R0).
    function _raise(Count storage count, MemberId member) private {
        if (!_ROSTER.isMature(member, count.opened)) revert NotMature(member, count.opened);
        if (_isAmong(member, count.members)) revert CountedAlready(member);
        count.members.push(member);
    }

    /// @dev N of the count: who has left since counts no more, who came since never did.
    function _electorate(Count storage count) private view returns (uint256) {
        return Math.min(count.population, _ROSTER.population());
    }

    function _stillMembers(MemberId[] storage list) private view returns (uint256 count) {
        for (uint256 i; i < list.length; ++i) {
            if (_ROSTER.isMember(list[i])) ++count;
        }
    }

    /* WHO ACTS */

    function _caller() private view returns (MemberId member) {
        _checkIgnited();
        member = _ROSTER.memberOf(msg.sender);
        if (!_ROSTER.isMember(member)) revert NotAMember(msg.sender);
    }

    function _take(
        MemberId member,
        bytes32 structHash,
        uint256 nonce,
        uint64 deadline,
        bytes calldata signature
    ) private {
        _checkIgnited();
        address key = _ROSTER.keyOf(member);
        if (!_ROSTER.isMember(member)) revert NotAMember(key);
        _takeSignature(key, structHash, nonce, deadline, signature);
    }

    /// @dev For the deeds that say nothing but which subcontract they are about.
    function _takeAbout(
        MemberId member,
        bytes32 typeHash,
        bytes32 deed,
        SubcontractId id,
        uint256 nonce,
        uint64 deadline,
        bytes calldata signature
    ) private {
        bytes32 structHash = keccak256(
            abi.encode(typeHash, deed, id, _subcontracts[id].termsHash, nonce, deadline)
        );
        _take(member, structHash, nonce, deadline, signature);
    }

    function _checkIgnited() private view {
        if (t0 == 0) revert NotIgnited();
    }

    /// @dev The first set is open only until ignition, and is enacted by nothing else.
    function _checkOpen(SubcontractId id) private view {
        _checkIgnited();
        SubcontractState state = stateOf(id);
        if (state != SubcontractState.Open) revert StateUnfit(id, state);
    }

    /// @dev Who has signed as of now: what is signed today binds from the next local day. At most 150 (R0).
    function _signers(SubcontractId id) private view returns (MemberId[] memory) {
        uint256 tomorrow = Calendar.dayBegin(Calendar.day(block.timestamp, tz) + 1, tz);
        // Unix seconds of any real chain fit into 40 bits.
        // forge-lint: disable-next-line(unsafe-typecast)
        return _MANDATES.signersAt(id, uint40(tomorrow));
    }

    function _isAmong(MemberId member, MemberId[] memory list) private pure returns (bool) {
        for (uint256 i; i < list.length; ++i) {
            if (list[i] == member) return true;
        }
        return false;
    }

    function _lives(SubcontractState state) private pure returns (bool) {
        return state == SubcontractState.Enacted || state == SubcontractState.Active
            || state == SubcontractState.Suspended;
    }

    /// @dev Objections of members who have not signed meanwhile (R5).
    function _objections(SubcontractId id) private view returns (uint256 count) {
        MemberId[] memory objectors = _subcontracts[id].objections.members;
        if (objectors.length == 0) return 0;
        MemberId[] memory signers = _signers(id);
        for (uint256 i; i < objectors.length; ++i) {
            if (_ROSTER.isMember(objectors[i]) && !_isAmong(objectors[i], signers)) ++count;
        }
    }

    /* VIEWS */

    /// @inheritdoc ICharter
    function isVoid() external view returns (bool) {
        return t0 == 0 && _signatures != _founders.length && block.timestamp > proposedAt + SIGNING_WINDOW;
    }

    /// @inheritdoc ICharter
    function committeeParameters() external view returns (CommitteeParameters memory) {
        return _committee;
    }

    /// @inheritdoc ICharter
    function founders() external view returns (Founder[] memory) {
        return _founders;
    }

    /// @inheritdoc ICharter
    function founderSigned(MemberId founder) external view returns (bool) {
        return _signed[founder];
    }

    /// @inheritdoc ICharter
    function seats() external view returns (address[] memory) {
        return _seats;
    }

    /// @inheritdoc ICharter
    function alternates() external view returns (address[] memory) {
        return _alternates;
    }

    /// @inheritdoc ICharter
    function module(Module item) external view returns (address) {
        if (item == Module.Roster) return address(_ROSTER);
        if (item == Module.Ledger) return _LEDGER;
        if (item == Module.Committee) return address(_COMMITTEE);
        if (item == Module.Docket) return address(_DOCKET);
        return address(_MANDATES);
    }

    /// @inheritdoc ICharter
    function limit(Limit item) public view returns (uint64) {
        Tightening memory last = _tightenings[item];
        return last.effect != 0 && block.timestamp >= last.effect ? last.value : _limits[item];
    }

    /// @inheritdoc ICharter
    function pendingLimit(Limit item) public view returns (uint64 value, uint40 effect) {
        Tightening memory last = _tightenings[item];
        return block.timestamp < last.effect ? (last.value, last.effect) : (0, 0);
    }

    /// @inheritdoc ICharter
    function subcontractOf(address place) external view returns (SubcontractId) {
        return _idOf[place];
    }

    /// @inheritdoc ICharter
    function subcontractAt(SubcontractId id) external view returns (address) {
        return _subcontracts[id].place;
    }

    /// @inheritdoc ICharter
    function stateOf(SubcontractId id) public view returns (SubcontractState) {
        Subcontract storage subcontract = _subcontracts[id];
        SubcontractState kept = subcontract.state;
        if (kept == SubcontractState.Open) {
            // The first set, which nobody sponsors, waits for ignition however long it takes.
            bool lapsed = MemberId.unwrap(subcontract.sponsor) != 0
                && block.timestamp > subcontract.objections.opened + OPEN_AT_MOST;
            return lapsed ? SubcontractState.Sunset : kept;
        }
        if (kept != SubcontractState.Enacted && kept != SubcontractState.Suspended) return kept;
        if (block.timestamp >= _endsAt(subcontract)) return SubcontractState.Sunset;
        if (kept == SubcontractState.Suspended) return kept;
        // Active from the local day after enactment, the soonest an epoch of any length can begin.
        bool begun = Calendar.day(block.timestamp, tz) > Calendar.day(subcontract.enacted, tz);
        return begun ? SubcontractState.Active : kept;
    }

    /// @inheritdoc ICharter
    function termsHashOf(SubcontractId id) external view returns (bytes32) {
        return _subcontracts[id].termsHash;
    }

    /// @inheritdoc ICharter
    function sponsorOf(SubcontractId id) external view returns (MemberId) {
        return _subcontracts[id].sponsor;
    }

    /// @inheritdoc ICharter
    function accruesAt(SubcontractId id, uint40 begin) external view returns (bool) {
        Subcontract storage subcontract = _subcontracts[id];
        if (begin >= subcontract.sunset) return false;
        // The latest span that began before: found by halves, so however often somebody suspends and resumes, nothing is
        // ever too old to be found, nor dear to find.
        uint256 before;
        uint256 after_ = subcontract.spans.length;
        while (before < after_) {
            uint256 middle = (before + after_) / 2;
            if (subcontract.spans[middle].from < begin) before = middle + 1;
            else after_ = middle;
        }
        if (before == 0) return false;
        uint40 until = subcontract.spans[before - 1].until;
        return until == 0 || begin < until;
    }

    /// @inheritdoc ICharter
    function declares(SubcontractId id, uint8 kind) external view returns (bool) {
        return _subcontracts[id].kinds >> kind & 1 == 1;
    }

    /// @inheritdoc ICharter
    function potsOf(SubcontractId id) external view returns (uint8) {
        return _subcontracts[id].pots;
    }
}
