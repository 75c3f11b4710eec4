// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {BitMaps} from "@openzeppelin/contracts/utils/structs/BitMaps.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

import {Founder, ICharter, Limit, Module} from "./interfaces/ICharter.sol";
import {IMandates} from "./interfaces/IMandates.sol";
import {IRoster, Nomination} from "./interfaces/IRoster.sol";
import {MemberId} from "./types/Ids.sol";
import {Signed} from "./Signed.sol";

/// @title The roster
/// @notice Members with replaceable keys, households, vouching, one vote each (R4).
/// @dev POWERS. None over anyone: a member is admitted by others and leaves alone. No price, stake or score is a
/// condition anywhere (R4.5).
/// UNITS. Unix seconds; 40 bits hold them.
contract Roster is IRoster, Signed {
    using BitMaps for BitMaps.BitMap;
    using SafeCast for uint256;

    /* CONSTANTS */

    /// @notice Above this many the charter must federate (R0).
    uint16 public constant MOST_MEMBERS = 150;

    /// @notice Under this many, every member must sign an admission (R4.2).
    uint256 public constant SMALL = 5;

    uint256 public constant VOUCHERS = 3;
    uint256 public constant VOUCH_LIFE = 180 days;
    uint256 public constant OBJECTION_WINDOW = 7 days;
    uint256 public constant ADMISSION_SPAN = 90 days;
    uint256 public constant MATURITY = 30 days;

    bytes32 private constant NOMINATE_TYPEHASH = keccak256(
        "NominateMember(string deed,uint16 member,address candidate,uint16 household,uint256 nonce,uint64 deadlineUnixSeconds)"
    );
    bytes32 private constant VOUCH_TYPEHASH = keccak256(
        "VouchFor(string deed,uint16 member,uint256 nomination,address candidate,uint256 nonce,uint64 deadlineUnixSeconds)"
    );
    bytes32 private constant OBJECT_TYPEHASH = keccak256(
        "ObjectToAdmission(string deed,uint16 member,uint256 nomination,address candidate,uint256 nonce,uint64 deadlineUnixSeconds)"
    );
    bytes32 private constant JOIN_TYPEHASH = keccak256(
        "JoinCharter(string deed,bytes32 articles,uint256 nomination,uint16 household,uint256 nonce,uint64 deadlineUnixSeconds)"
    );
    bytes32 private constant LEAVE_TYPEHASH =
        keccak256("LeaveCharter(string deed,uint16 member,uint256 nonce,uint64 deadlineUnixSeconds)");

    bytes32 private constant NOMINATE_DEED =
        keccak256("I propose this person as a member, and vouch that they are one person.");
    bytes32 private constant VOUCH_DEED =
        keccak256("I vouch that this candidate is one person and no member yet.");
    bytes32 private constant OBJECT_DEED = keccak256("I object to admitting this candidate.");
    bytes32 private constant JOIN_DEED = keccak256("I join this charter under its articles.");
    bytes32 private constant LEAVE_DEED = keccak256("I leave this charter for good.");

    /* IMMUTABLES */

    ICharter public immutable charter;
    IMandates private immutable _MANDATES;
    uint16 private immutable _FOUNDERS;

    /* STORAGE */

    /// @dev One word.
    struct Member {
        address key;
        uint16 household;
        uint40 admittedAt; // 0 for founders, who count from ignition
        uint40 leftAt;
    }

    mapping(MemberId member => Member) private _members;
    mapping(address key => MemberId) private _memberOf;

    /// @dev Ends of a member's three vouches, packed; an end in the past is a free vouch.
    mapping(MemberId member => uint40[VOUCHERS]) private _vouchEnds;

    mapping(uint256 nomination => Nomination) private _nominations;
    mapping(uint256 nomination => BitMaps.BitMap) private _objected;

    /// @notice Nominations ever made; the highest number.
    uint256 public nominationCount;

    uint16 private _last;
    uint16 private _population;

    /* CONSTRUCTOR */

    constructor() {
        charter = ICharter(msg.sender);
        _MANDATES = IMandates(charter.module(Module.Mandates));

        Founder[] memory founders = charter.founders();
        for (uint256 i; i < founders.length; ++i) {
            _enter(founders[i].key, founders[i].household, 0);
        }
        _FOUNDERS = _last;
    }

    /* JOINING (R4.1 to R4.3) */

    /// @inheritdoc IRoster
    function nominate(address candidate, uint16 household) external returns (uint256) {
        return _nominate(_caller(), candidate, household);
    }

    /// @inheritdoc IRoster
    function nominateBySig(
        MemberId sponsor,
        address candidate,
        uint16 household,
        uint256 nonce,
        uint64 deadline,
        bytes calldata signature
    ) external returns (uint256) {
        bytes32 deed = keccak256(
            abi.encode(NOMINATE_TYPEHASH, NOMINATE_DEED, sponsor, candidate, household, nonce, deadline)
        );
        _takeSignature(_present(sponsor), deed, nonce, deadline, signature);
        return _nominate(sponsor, candidate, household);
    }

    function _nominate(MemberId sponsor, address candidate, uint16 household)
        private
        returns (uint256 nomination)
    {
        if (candidate == address(0)) revert CandidateMissing();
        _requireUnknown(candidate);

        nomination = ++nominationCount;
        Nomination storage self = _nominations[nomination];
        self.candidate = candidate;
        self.household = household;
        self.closes = (block.timestamp + OBJECTION_WINDOW).toUint40();

        emit Nominated(nomination, candidate, sponsor, household, uint40(block.timestamp));
        _vouch(nomination, self, sponsor);
    }

    /// @inheritdoc IRoster
    function vouch(uint256 nomination) external {
        _vouch(nomination, _pending(nomination), _caller());
    }

    /// @inheritdoc IRoster
    function vouchBySig(
        MemberId member,
        uint256 nomination,
        uint256 nonce,
        uint64 deadline,
        bytes calldata signature
    ) external {
        Nomination storage self = _takeAbout(
            nomination, VOUCH_TYPEHASH, VOUCH_DEED, member, nonce, deadline, signature
        );
        _vouch(nomination, self, member);
    }

    function _vouch(uint256 nomination, Nomination storage self, MemberId member) private {
        uint256 given = self.vouchers.length;
        uint256 wanted = _vouchersWanted();
        if (given >= wanted) revert VouchersEnough(nomination, given, wanted);
        for (uint256 i; i < given; ++i) {
            if (self.vouchers[i] == member) revert AlreadyVouched(nomination, member);
        }
        uint40 until = _spendVouch(member);

        self.vouchers.push(member);

        emit Vouched(nomination, member, until);
    }

    /// @dev Takes one of the member's three vouches for 180 days.
    function _spendVouch(MemberId member) private returns (uint40 until) {
        uint40[VOUCHERS] storage ends = _vouchEnds[member];
        uint256 earliest;
        for (uint256 i = 1; i < VOUCHERS; ++i) {
            if (ends[i] < ends[earliest]) earliest = i;
        }
        if (ends[earliest] > block.timestamp) revert VouchesSpent(member, ends[earliest]);

        until = (block.timestamp + VOUCH_LIFE).toUint40();
        ends[earliest] = until;
    }

    /// @inheritdoc IRoster
    function objectToAdmission(uint256 nomination) external {
        _object(nomination, _pending(nomination), _caller());
    }

    /// @inheritdoc IRoster
    function objectToAdmissionBySig(
        MemberId member,
        uint256 nomination,
        uint256 nonce,
        uint64 deadline,
        bytes calldata signature
    ) external {
        Nomination storage self = _takeAbout(
            nomination, OBJECT_TYPEHASH, OBJECT_DEED, member, nonce, deadline, signature
        );
        _object(nomination, self, member);
    }

    function _object(uint256 nomination, Nomination storage self, MemberId member) private {
        if (block.timestamp > self.closes) revert WindowClosed(nomination, self.closes);
        if (_objected[nomination].get(MemberId.unwrap(member))) revert AlreadyObjected(nomination, member);

        _objected[nomination].set(MemberId.unwrap(member));
        self.objectors.push(member);

        emit AdmissionObjected(nomination, member);
    }

    /// @inheritdoc IRoster
    function join(uint256 nomination) external {
        Nomination storage self = _pending(nomination);
        if (msg.sender != self.candidate) revert OnlyTheCandidate(msg.sender, self.candidate);

        _join(nomination, self);
    }

    /// @inheritdoc IRoster
    function joinBySig(uint256 nomination, uint256 nonce, uint64 deadline, bytes calldata signature)
        external
    {
        Nomination storage self = _pending(nomination);
        bytes32 deed = keccak256(
            abi.encode(
                JOIN_TYPEHASH, JOIN_DEED, charter.articlesHash(), nomination, self.household, nonce, deadline
            )
        );
        _takeSignature(self.candidate, deed, nonce, deadline, signature);
        _join(nomination, self);
    }

    function _join(uint256 nomination, Nomination storage self) private {
        if (self.joined) revert AlreadyJoined(nomination);

        self.joined = true;

        emit Joined(nomination, self.candidate);
    }

    /// @inheritdoc IRoster
    function admit(uint256 nomination) external returns (MemberId member) {
        Nomination storage self = _pending(nomination);
        _requireUnknown(self.candidate);
        if (!self.joined) revert NotJoined(nomination, self.candidate);
        // Who vouched and left, or vouched too long ago, vouches no more; who came since must sign while N < 5.
        uint256 given = _stillPresent(self.vouchers);
        uint256 wanted = _vouchersWanted();
        if (given < wanted) revert VouchersTooFew(nomination, given, wanted);
        if (block.timestamp <= self.closes) revert WindowOpen(nomination, self.closes);
        uint256 lapses = self.closes - OBJECTION_WINDOW + VOUCH_LIFE;
        if (block.timestamp > lapses) revert NominationLapsed(nomination, lapses.toUint40());
        if (_population >= MOST_MEMBERS) revert CharterFull(_population, MOST_MEMBERS);

        self.ended = true;
        if (_stillPresent(self.objectors) >= Math.max(2, Math.ceilDiv(_population, 10))) {
            emit Refused(nomination);
            return MemberId.wrap(0);
        }
        _requireRate();
        return _enter(self.candidate, self.household, uint40(block.timestamp));
    }

    /// @dev Objectors and vouchers who left are in neither the count nor the N it is held against (R5.2).
    function _stillPresent(MemberId[] storage members) private view returns (uint256 count) {
        // At most one entry per member of the objection's time, so about `MOST_MEMBERS`.
        for (uint256 i; i < members.length; ++i) {
            if (_members[members[i]].leftAt == 0) ++count;
        }
    }

    /// @dev R4.3. Ids are given in the order of admission, so the one that is `allowed` admissions back tells.
    function _requireRate() private view {
        uint256 allowed = Math.max(2, uint256(_population) * charter.limit(Limit.AdmissionBps) / 10_000);
        if (_last < _FOUNDERS + allowed) return;

        uint256 nextAt = _members[MemberId.wrap((_last + 1 - allowed).toUint16())].admittedAt + ADMISSION_SPAN;
        if (block.timestamp < nextAt) revert TooManyAdmissions(allowed, nextAt.toUint40());
    }

    function _enter(address key, uint16 household, uint40 since) internal returns (MemberId member) {
        member = MemberId.wrap(++_last);
        _members[member] = Member(key, household, since, 0);
        _memberOf[key] = member;
        ++_population;

        emit Admitted(member, key, household, since);
    }

    /// @dev A sponsor and two more; every member while there are fewer than five (R4.1, R4.2).
    function _vouchersWanted() private view returns (uint256) {
        return _population < SMALL ? _population : VOUCHERS;
    }

    /// @dev A key names one id for ever, so a leaver who returns comes with a new key.
    function _requireUnknown(address candidate) private view {
        MemberId member = _memberOf[candidate];
        if (member != MemberId.wrap(0)) revert CandidateKnown(candidate, member);
    }

    function _pending(uint256 nomination) private view returns (Nomination storage self) {
        self = _nominations[nomination];
        if (self.candidate == address(0)) revert NominationUnknown(nomination);
        if (self.ended) revert NominationEnded(nomination);
    }

    /* LEAVING */

    /// @inheritdoc IRoster
    function leave() external {
        _leave(_caller());
    }

    /// @inheritdoc IRoster
    function leaveBySig(MemberId member, uint256 nonce, uint64 deadline, bytes calldata signature) external {
        bytes32 deed = keccak256(abi.encode(LEAVE_TYPEHASH, LEAVE_DEED, member, nonce, deadline));
        _takeSignature(_present(member), deed, nonce, deadline, signature);
        _leave(member);
    }

    function _leave(MemberId member) private {
        _members[member].leftAt = uint40(block.timestamp);
        --_population;

        emit Left(member, uint40(block.timestamp));

        _MANDATES.memberLeft(member);
    }

    /// @dev For the deeds that say nothing but which nomination they are about.
    function _takeAbout(
        uint256 nomination,
        bytes32 typeHash,
        bytes32 deed,
        MemberId member,
        uint256 nonce,
        uint64 deadline,
        bytes calldata signature
    ) private returns (Nomination storage self) {
        self = _pending(nomination);
        bytes32 structHash =
            keccak256(abi.encode(typeHash, deed, member, nomination, self.candidate, nonce, deadline));
        _takeSignature(_present(member), structHash, nonce, deadline, signature);
    }

    /// @dev The member who calls; acts begin at ignition.
    function _caller() private view returns (MemberId member) {
        member = _memberOf[msg.sender];
        if (member == MemberId.wrap(0)) revert NotAMember(msg.sender);
        _present(member);
    }

    /// @dev The key of a member who has not left.
    function _present(MemberId member) private view returns (address key) {
        if (charter.t0() == 0) revert NotIgnited();
        key = _members[member].key;
        if (!isMember(member)) revert NotAMember(key);
    }

    /* VIEWS */

    /// @inheritdoc IRoster
    function memberOf(address key) external view returns (MemberId) {
        return _memberOf[key];
    }

    /// @inheritdoc IRoster
    function keyOf(MemberId member) external view returns (address) {
        return _members[member].key;
    }

    /// @inheritdoc IRoster
    function householdOf(MemberId member) external view returns (uint16) {
        return _members[member].household;
    }

    /// @inheritdoc IRoster
    function isMember(MemberId member) public view returns (bool) {
        return _members[member].key != address(0) && _members[member].leftAt == 0;
    }

    /// @inheritdoc IRoster
    function admittedAt(MemberId member) public view returns (uint40) {
        if (_isFounder(member)) return charter.t0();
        return _members[member].admittedAt;
    }

    /// @inheritdoc IRoster
    function leftAt(MemberId member) external view returns (uint40) {
        return _members[member].leftAt;
    }

    /// @inheritdoc IRoster
    function population() external view returns (uint16) {
        return _population;
    }

    /// @inheritdoc IRoster
    function lastMember() external view returns (MemberId) {
        return MemberId.wrap(_last);
    }

    /// @inheritdoc IRoster
    function nominationOf(uint256 nomination) external view returns (Nomination memory) {
        return _nominations[nomination];
    }

    /// @inheritdoc IRoster
    function isMature(MemberId member, uint40 opened) external view returns (bool) {
        uint256 since = admittedAt(member);
        if (since == 0 || !isMember(member)) return false;
        return (_isFounder(member) ? since : since + MATURITY) <= opened;
    }

    function _isFounder(MemberId member) private view returns (bool) {
        return MemberId.unwrap(member) != 0 && MemberId.unwrap(member) <= _FOUNDERS;
    }
}
