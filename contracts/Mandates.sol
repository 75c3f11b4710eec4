// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

import {ICharter, MandateCaps, Module, SubcontractState} from "./interfaces/ICharter.sol";
import {IDocket} from "./interfaces/IDocket.sol";
import {Debit, Kind} from "./interfaces/ILedger.sol";
import {IMandates, Reach} from "./interfaces/IMandates.sol";
import {IRoster} from "./interfaces/IRoster.sol";
import {Allowance, Allowances} from "./types/Allowance.sol";
import {Calendar} from "./types/Calendar.sol";
import {MemberId, SubcontractId} from "./types/Ids.sol";
import {Caps} from "./libraries/Caps.sol";
import {Exposure} from "./libraries/Exposure.sol";
import {Signers} from "./libraries/Signers.sol";
import {Words} from "./libraries/Words.sol";
import {Signed} from "./Signed.sol";

/// @title The mandates
/// @notice What each member signed: who may collect from them, and at most how much (R1.5).
/// @dev POWERS. The ledger uses caps up, the charter writes founders' signed caps once, the roster ends a leaver's; only
/// a member's own signature adds or raises one.
contract Mandates is IMandates, Signed {
    using Caps for Caps.State;
    using Caps for Caps.GlobalState;
    using Caps for Caps.Global;
    using SafeCast for uint256;
    using Signers for Signers.State;

    /* CONSTANTS */

    /// @notice A mandate is signed for this long at the most (R1.5).
    uint256 public constant LONGEST_MANDATE = 365 days;

    bytes32 private constant MANDATE_TYPEHASH = keccak256(
        "SignMandate(string deed,uint16 member,string mandate,bytes32 termsHash,uint256 nonce,uint64 deadlineUnixSeconds)"
    );
    bytes32 private constant REVOKE_TYPEHASH = keccak256(
        "RevokeMandate(string deed,uint16 member,uint16 subcontract,uint256 nonce,uint64 deadlineUnixSeconds)"
    );
    bytes32 private constant GLOBAL_TYPEHASH = keccak256(
        "LimitGlobal(string deed,uint16 member,string mostPerPeriod,uint256 nonce,uint64 deadlineUnixSeconds)"
    );

    bytes32 private constant MANDATE_DEED = keccak256(
        "I agree to this subcontract's terms and let it collect from my purse, at most this much, from the next local day on."
    );
    bytes32 private constant REVOKE_DEED =
        keccak256("I end my mandate for this subcontract, from the next local day on.");
    bytes32 private constant GLOBAL_DEED = keccak256(
        "All subcontracts together may collect at most this much from me in a period of 30 days, from the next local day on."
    );

    /* IMMUTABLES */

    ICharter public immutable charter;
    IRoster private immutable _ROSTER;
    address private immutable _LEDGER;
    IDocket private immutable _DOCKET;
    int32 private immutable _TZ;

    /* STORAGE */

    mapping(MemberId member => Caps.GlobalState) private _globals;
    mapping(MemberId member => mapping(SubcontractId subcontract => Caps.State)) private _mandates;
    Signers.State private _signers;

    /* CONSTRUCTOR */

    constructor() {
        charter = ICharter(msg.sender);
        _ROSTER = IRoster(charter.module(Module.Roster));
        _LEDGER = charter.module(Module.Ledger);
        _DOCKET = IDocket(charter.module(Module.Docket));
        _TZ = charter.tz();
    }

    /* MANDATES (R1.5) */

    /// @inheritdoc IMandates
    function signMandate(MandateCaps calldata caps, bytes32 termsHash) external {
        _signMandate(_caller(), caps, termsHash);
    }

    /// @inheritdoc IMandates
    function signMandateBySig(
        MemberId member,
        MandateCaps calldata caps,
        bytes32 termsHash,
        uint256 nonce,
        uint64 deadline,
        bytes calldata signature
    ) external {
        bytes32 words = keccak256(bytes(Words.mandate(caps)));
        bytes32 deed =
            keccak256(abi.encode(MANDATE_TYPEHASH, MANDATE_DEED, member, words, termsHash, nonce, deadline));
        _takeSignature(_ROSTER.keyOf(member), deed, nonce, deadline, signature);
        _signMandate(member, caps, termsHash);
    }

    function _signMandate(MemberId member, MandateCaps calldata caps, bytes32 termsHash) private {
        uint32 from = _nextDay(member);
        SubcontractState state = _requireSignable(caps.subcontract);
        // What is signed is consent to these terms and no others (R5.5).
        bytes32 wanted = charter.termsHashOf(caps.subcontract);
        if (termsHash != wanted) revert TermsDiffer(caps.subcontract, termsHash, wanted);
        if (state == SubcontractState.Open) {
            MemberId sponsor = charter.sponsorOf(caps.subcontract);
            if (member != sponsor && !hasSigned(sponsor, caps.subcontract)) {
                revert SponsorFirst(caps.subcontract, sponsor);
            }
        }
        _requireExpiry(caps);

        _setMandate(member, caps, termsHash, from);
    }

    /// @inheritdoc IMandates
    function foundMandates(MemberId member, uint64 globalPerPeriod, MandateCaps[] calldata mandates)
        external
    {
        if (msg.sender != address(charter)) revert OnlyTheCharter(msg.sender);
        if (_globals[member].newestOf().versions != 0) revert AlreadyFounded(member);
        _setGlobal(member, globalPerPeriod, 0);
        for (uint256 i; i < mandates.length; ++i) {
            _requireSignable(mandates[i].subcontract);
            _requireExpiry(mandates[i]);
            _setMandate(member, mandates[i], charter.termsHashOf(mandates[i].subcontract), 0);
        }
    }

    function _setMandate(MemberId member, MandateCaps calldata caps, bytes32 termsHash, uint32 from) private {
        SubcontractId id = caps.subcontract;
        if (!_signers.contains(member, id)) {
            uint256 place = _signers.findRoom(member);
            if (place == Signers.MOST_MANDATES) {
                place = _makeRoom(member);
            }
            _signers.add(member, id, place);
            _globals[member].write(_globals[member].newestOf());
        }
        _mandates[member][id].set(
            Caps.Version(
                caps.perEvent, caps.perPeriod, caps.sharedPerPeriod, from, uint256(caps.expiry).toUint32()
            )
        );

        emit MandateSigned(member, id, termsHash, caps, from);
    }

    /// @inheritdoc IMandates
    function revokeMandate(SubcontractId subcontract) external {
        _revokeMandate(_caller(), subcontract);
    }

    /// @inheritdoc IMandates
    function revokeMandateBySig(
        MemberId member,
        SubcontractId subcontract,
        uint256 nonce,
        uint64 deadline,
        bytes calldata signature
    ) external {
        bytes32 deed = keccak256(
            abi.encode(REVOKE_TYPEHASH, REVOKE_DEED, member, subcontract, nonce, deadline)
        );
        _takeSignature(_ROSTER.keyOf(member), deed, nonce, deadline, signature);
        _revokeMandate(member, subcontract);
    }

    function _revokeMandate(MemberId member, SubcontractId subcontract) private {
        uint32 from = _nextDay(member);
        if (!_signers.contains(member, subcontract)) revert NoMandate(member, subcontract);

        _endMandate(member, subcontract, from);
    }

    function _endMandate(MemberId member, SubcontractId subcontract, uint32 from) private {
        _mandates[member][subcontract].set(Caps.Version(0, 0, 0, from, 0));

        emit MandateRevoked(member, subcontract, from);
    }

    /// @inheritdoc IMandates
    function forgetMandate(MemberId member, SubcontractId subcontract) external {
        uint256 place = _signers.placeOf(member, subcontract);
        if (place == Signers.MOST_MANDATES) revert NoMandate(member, subcontract);
        if (!_isSpent(member, subcontract)) revert MandateLive(member, subcontract);

        _forget(member, subcontract, place);
    }

    /// @dev Frees a place of a member who has 16 mandates already, or refuses.
    function _makeRoom(MemberId member) private returns (uint256 place) {
        for (; place < Signers.MOST_MANDATES; ++place) {
            SubcontractId id = _signers.at(member, place);
            if (_isSpent(member, id)) {
                _forget(member, id, place);
                return place;
            }
        }
        revert TooManyMandates(member, Signers.MOST_MANDATES);
    }

    /// @dev True where no open or later epoch can use the mandate.
    function _isSpent(MemberId member, SubcontractId subcontract) private view returns (bool) {
        uint256 oldest = _DOCKET.oldestOpen(subcontract);
        oldest = oldest == 0 ? block.timestamp : Math.min(oldest, block.timestamp);
        Caps.Version memory newest = _mandates[member][subcontract].newest;
        return newest.from <= oldest && newest.expiry <= oldest;
    }

    function _forget(MemberId member, SubcontractId subcontract, uint256 place) private {
        _signers.remove(member, subcontract, place);

        emit MandateForgotten(member, subcontract);
    }

    /// @inheritdoc IMandates
    function limitGlobal(uint64 perPeriod) external {
        MemberId member = _caller();
        _setGlobal(member, perPeriod, _nextDay(member));
    }

    /// @inheritdoc IMandates
    function limitGlobalBySig(
        MemberId member,
        uint64 perPeriod,
        uint256 nonce,
        uint64 deadline,
        bytes calldata signature
    ) external {
        bytes32 words = keccak256(bytes(Words.money(perPeriod)));
        bytes32 deed = keccak256(abi.encode(GLOBAL_TYPEHASH, GLOBAL_DEED, member, words, nonce, deadline));
        _takeSignature(_ROSTER.keyOf(member), deed, nonce, deadline, signature);
        _setGlobal(member, perPeriod, _nextDay(member));
    }

    function _setGlobal(MemberId member, uint64 perPeriod, uint32 from) private {
        _globals[member].set(perPeriod, from);

        emit GlobalLimited(member, perPeriod, from);
    }

    /// @inheritdoc IMandates
    function memberLeft(MemberId member) external {
        if (msg.sender != address(_ROSTER)) revert OnlyTheRoster(msg.sender);
        Caps.Global memory global = _globals[member].newestOf();
        global.left = true;
        _globals[member].write(global);
        uint32 from = block.timestamp.toUint32();
        for (uint256 place; place < Signers.MOST_MANDATES; ++place) {
            SubcontractId id = _signers.at(member, place);
            if (id != SubcontractId.wrap(0)) _endMandate(member, id, from);
        }

        emit LeaverReleased(member, from);
    }

    function _caller() private view returns (MemberId member) {
        member = _ROSTER.memberOf(msg.sender);
        if (member == MemberId.wrap(0)) revert NotAMember(msg.sender);
    }

    /// @dev The beginning of the next local day, from which a change by a present member holds.
    function _nextDay(MemberId member) private view returns (uint32) {
        if (charter.t0() == 0) revert NotIgnited();
        if (!_ROSTER.isMember(member)) revert NotAMember(_ROSTER.keyOf(member));
        return Calendar.dayBegin(Calendar.day(block.timestamp, _TZ) + 1, _TZ).toUint32();
    }

    /// @dev Nobody signs for a number not given yet, founders neither: whoever opened it next would have the caps.
    function _requireSignable(SubcontractId id) private view returns (SubcontractState state) {
        state = charter.stateOf(id);
        if (state == SubcontractState.None || state == SubcontractState.Sunset) {
            revert SubcontractNotOpen(id, state);
        }
    }

    function _requireExpiry(MandateCaps calldata caps) private view {
        uint256 latest = block.timestamp + LONGEST_MANDATE;
        if (caps.expiry <= block.timestamp || caps.expiry > latest) {
            revert ExpiryOutside(caps.expiry, block.timestamp, latest);
        }
    }

    /* WHAT THE LEDGER ASKS */

    /// @inheritdoc IMandates
    function useCaps(
        SubcontractId subcontract,
        Kind kind,
        uint40 begin,
        uint16 period,
        Debit[] calldata debits
    ) external returns (Allowance[] memory allowed) {
        if (msg.sender != _LEDGER) revert OnlyTheLedger(msg.sender);
        Use memory use = Use(subcontract, kind == Kind.Shared, begin, period);
        allowed = new Allowance[](debits.length);
        for (uint256 i; i < debits.length; ++i) {
            allowed[i] = _use(use, debits[i].payer, debits[i].amount);
        }
    }

    /// @dev What all debits of one call have in common.
    struct Use {
        SubcontractId subcontract;
        bool isShared;
        uint40 begin;
        uint16 period;
    }

    /// @dev `min(amount, perEvent, perPeriodLeft, globalLeft)`, or for a share `sharedPerPeriodLeft` in place of the
    /// first two caps (R1.2). Without a mandate that was live when the epoch began it allows nothing (I3).
    function _use(Use memory use, MemberId payer, uint64 amount) private returns (Allowance) {
        Caps.Global memory global = _globals[payer].newestOf();
        Caps.State storage mandate = _mandates[payer][use.subcontract];
        Caps.Version memory caps = mandate.at(use.begin);
        if (caps.expiry == 0) return Allowances.make(0, global.left);

        Caps.Usage memory usage = mandate.usageOf();
        (usage.perPeriod, usage.sharedPerPeriod) = Caps.usedIn(usage, use.period);
        global.used = global.usedIn(use.period);
        uint256 most = use.isShared
            ? Math.saturatingSub(caps.sharedPerPeriod, usage.sharedPerPeriod)
            : Math.min(caps.perEvent, Math.saturatingSub(caps.perPeriod, usage.perPeriod));
        most = Math.min(most, Math.saturatingSub(_globals[payer].at(global, use.begin), global.used));
        uint64 within = Math.min(most, amount).toUint64();
        if (within == 0) return Allowances.make(0, global.left);

        if (use.isShared) usage.sharedPerPeriod += within;
        else usage.perPeriod += within;
        global.used += within;
        (usage.period, global.period) = (use.period, use.period);
        mandate.write(usage);
        _globals[payer].write(global);
        return Allowances.make(within, global.left);
    }

    /// @inheritdoc IMandates
    function reachOf(MemberId member) external view returns (Reach memory reach) {
        uint256 period = _period();
        // Before ignition no epoch is open anywhere.
        IDocket docket = charter.t0() == 0 ? IDocket(address(0)) : _DOCKET;
        Exposure.Total memory sum = Exposure.total(_mandates[member], _signers.lists[member], docket, period);
        Caps.Global memory newest = _globals[member].newestOf();
        uint256 highest = _globals[member].highestSince(sum.oldest);
        uint256 left = Math.saturatingSub(highest, newest.usedIn(period));
        reach.heldBack = _clamp(Math.min(left, newest.left ? sum.openLeft : sum.due));
        reach.thisPeriod = _clamp(Math.min(left, sum.left));
        reach.nextPeriod = _clamp(Math.min(highest, sum.caps));
    }

    function _clamp(uint256 amount) private pure returns (uint64) {
        return Math.min(amount, type(uint64).max).toUint64();
    }

    /// @dev The period of now; 0 before ignition (R0).
    function _period() private view returns (uint256) {
        uint256 t0 = charter.t0();
        return t0 == 0 ? 0 : Calendar.period(block.timestamp, t0);
    }

    /* VIEWS */

    /// @inheritdoc IMandates
    function mandateAt(MemberId member, SubcontractId subcontract, uint40 begin)
        external
        view
        returns (MandateCaps memory caps, uint64 usedPerPeriod, uint64 usedSharedPerPeriod)
    {
        Caps.State storage mandate = _mandates[member][subcontract];
        Caps.Version memory live = mandate.at(begin);
        caps = MandateCaps(subcontract, live.perEvent, live.perPeriod, live.sharedPerPeriod, live.expiry);
        (usedPerPeriod, usedSharedPerPeriod) = Caps.usedIn(mandate.usageOf(), _period());
    }

    /// @inheritdoc IMandates
    function hasSigned(MemberId member, SubcontractId subcontract) public view returns (bool) {
        // No version is ever taken away, and only a founder's first holds from zero on.
        Caps.Version memory newest = _mandates[member][subcontract].newest;
        return newest.from != 0 || newest.expiry != 0;
    }

    /// @inheritdoc IMandates
    function globalAt(MemberId member, uint40 begin) external view returns (uint64 perPeriod, uint64 used) {
        Caps.Global memory newest = _globals[member].newestOf();
        perPeriod = _globals[member].at(newest, begin);
        used = newest.usedIn(_period());
    }

    /// @inheritdoc IMandates
    function signersAt(SubcontractId subcontract, uint40 begin) external view returns (MemberId[] memory) {
        return _signersAt(subcontract, begin, false);
    }

    /// @inheritdoc IMandates
    function signerCount(SubcontractId subcontract) external view returns (uint16) {
        return _signersAt(subcontract, block.timestamp.toUint40(), true).length.toUint16();
    }

    /// @dev Listed members whose mandate is live at `begin`, or, where `newest`, whose newest version is.
    function _signersAt(SubcontractId subcontract, uint40 begin, bool newest)
        private
        view
        returns (MemberId[] memory live)
    {
        live = _signers.list(subcontract);
        uint256 count;
        for (uint256 i; i < live.length; ++i) {
            Caps.State storage mandate = _mandates[live[i]][subcontract];
            bool isLive = newest ? mandate.newest.expiry > begin : mandate.at(begin).expiry != 0;
            if (isLive) live[count++] = live[i];
        }
        // The list only ever gets shorter, in place.
        assembly ("memory-safe") {
            mstore(live, count)
        }
    }
}
