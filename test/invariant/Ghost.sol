// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {MandateCaps} from "../../contracts/interfaces/ICharter.sol";
import {IDocket} from "../../contracts/interfaces/IDocket.sol";
import {ILedger, Kind, Outcome} from "../../contracts/interfaces/ILedger.sol";
import {IMandates} from "../../contracts/interfaces/IMandates.sol";
import {IRoster} from "../../contracts/interfaces/IRoster.sol";
import {Calendar, EpochKind} from "../../contracts/types/Calendar.sol";
import {AccountId, Epoch, MemberId, StreamId, SubcontractId} from "../../contracts/types/Ids.sol";
import {Header, Verdict} from "../../contracts/types/Report.sol";
import {Vm} from "../Base.t.sol";

/// @title The ghost
/// @notice Rebuilds the whole state of money, mandates and roster from events alone, and remembers what no event should
/// ever tell.
/// @dev It reads nothing of the contracts. Accounts are by their number, members from 1.
contract Ghost {
    int32 private immutable _tz;
    uint256 private immutable _t0;

    /* MONEY */

    mapping(uint32 account => uint256) public free;
    mapping(uint32 account => uint256) public held;
    mapping(uint16 member => uint256) public owed;
    uint256 public total;
    uint32[] public accounts; // every account ever credited
    mapping(uint32 account => bool) private _known;

    /* MANDATES */

    struct Version {
        uint64 perEvent;
        uint64 perPeriod;
        uint64 sharedPerPeriod;
        uint40 from;
        uint40 expiry;
    }

    mapping(uint16 member => mapping(uint16 subcontract => Version[])) private _versions;
    mapping(uint16 member => Version[]) private _globals;
    mapping(bytes32 key => uint256) private _used; // by member, subcontract, period and whether shared

    /* ROSTER */

    mapping(uint16 member => address) public key;
    mapping(uint16 member => bool) public left;
    uint16 public lastMember;
    uint16 public population;

    /* REPORTS */

    struct Report {
        Verdict verdict;
        uint40 acceptedAt;
        EpochKind kind;
    }

    mapping(bytes32 cause => bool) private _settled;
    mapping(bytes32 report => Report) private _reports;
    mapping(uint16 stream => EpochKind) private _kinds;
    mapping(uint16 stream => uint32) private _windows;

    /* WHAT MUST NEVER BE */

    uint256 public withoutMandate; // I3: collected without a live mandate of the epoch's version
    uint256 public beyondCaps; // R1.2: more allowed than the version's caps
    uint256 public settledTwice; // I4
    uint256 public withoutReport; // I5
    uint256 public movedByVote; // I6
    uint256 public loosened; // I14
    uint256 public blocked; // I20
    uint256 public trespassed; // a stranger's act succeeded

    /* EXPOSURE (I1) */

    mapping(uint16 member => uint256) public shown; // what could be taken, when last shown
    mapping(uint16 member => uint256) public taken; // paid or owed since

    /* LIFE */

    uint256 public collections; // debits that paid or were owed, so that a test sees it lived

    constructor(int32 tz, uint256 t0) {
        (_tz, _t0) = (tz, t0);
    }

    function show(uint16 member, uint256 exposure) external {
        (shown[member], taken[member]) = (exposure, 0);
    }

    function sawVoteMove() external {
        ++movedByVote;
    }

    function sawLoosening() external {
        ++loosened;
    }

    function sawBlock() external {
        ++blocked;
    }

    function sawTrespass() external {
        ++trespassed;
    }

    function accountCount() external view returns (uint256) {
        return accounts.length;
    }

    /// @notice Reads what happened, in order.
    function absorb(Vm.Log[] calldata logs) external {
        for (uint256 i; i < logs.length; ++i) {
            _absorb(logs[i]);
        }
    }

    function _absorb(Vm.Log calldata log) private {
        bytes32 topic = log.topics[0];
        if (topic == ILedger.Collected.selector) _collected(log);
        else if (topic == ILedger.Deposited.selector) _deposited(log);
        else if (topic == ILedger.Withdrew.selector) _withdrew(log);
        else if (topic == ILedger.Paid.selector) _paid(log);
        else if (topic == ILedger.Repaid.selector) _repaid(log);
        else if (topic == ILedger.Lapsed.selector) _lapsed(log);
        else if (topic == ILedger.Held.selector) _move(log, int256(1));
        else if (topic == ILedger.Released.selector) _move(log, int256(-1));
        else if (topic == ILedger.Forfeited.selector) _forfeited(log);
        else if (topic == IMandates.MandateSigned.selector) _signed(log);
        else if (topic == IMandates.MandateRevoked.selector) _revoked(log);
        else if (topic == IMandates.GlobalLimited.selector) _limited(log);
        else if (topic == IRoster.Admitted.selector) _admitted(log);
        else if (topic == IRoster.Left.selector) _leftNow(log);
        else if (topic == IDocket.Accepted.selector) _accepted(log);
    }

    /* MONEY */

    function _credit(uint32 account, uint256 amount) private {
        if (!_known[account]) {
            _known[account] = true;
            accounts.push(account);
        }
        free[account] += amount;
    }

    function _deposited(Vm.Log calldata log) private {
        (uint64 amount,) = abi.decode(log.data, (uint64, Kind));
        _credit(uint32(uint256(log.topics[1])), amount);
        total += amount;
    }

    function _withdrew(Vm.Log calldata log) private {
        uint64 amount = abi.decode(log.data, (uint64));
        free[uint32(uint256(log.topics[1]))] -= amount;
        total -= amount;
    }

    function _paid(Vm.Log calldata log) private {
        (uint64 amount,) = abi.decode(log.data, (uint64, Kind));
        free[uint32(uint256(log.topics[2]))] -= amount;
        _credit(uint32(uint256(log.topics[3])), amount);
    }

    function _repaid(Vm.Log calldata log) private {
        (uint64 amount,) = abi.decode(log.data, (uint64, uint40));
        uint32 debtor = uint32(uint256(log.topics[1]));
        free[debtor] -= amount;
        owed[uint16(debtor)] -= amount;
        _credit(uint32(uint256(log.topics[2])), amount);
    }

    function _lapsed(Vm.Log calldata log) private {
        (uint64 amount,) = abi.decode(log.data, (uint64, uint40));
        owed[uint16(uint256(log.topics[1]))] -= amount;
    }

    function _move(Vm.Log calldata log, int256 toHeld) private {
        uint64 amount = abi.decode(log.data, (uint64));
        uint32 account = uint32(uint256(log.topics[1]));
        if (toHeld > 0) (free[account], held[account]) = (free[account] - amount, held[account] + amount);
        else (free[account], held[account]) = (free[account] + amount, held[account] - amount);
    }

    function _forfeited(Vm.Log calldata log) private {
        uint64 amount = abi.decode(log.data, (uint64));
        held[uint32(uint256(log.topics[1]))] -= amount;
        _credit(uint32(uint256(log.topics[3])), amount);
    }

    /* COLLECTIONS */

    struct Collection {
        uint16 subcontract;
        uint16 payer;
        StreamId stream;
        Epoch epoch;
        Kind kind;
        uint16 line;
        AccountId to;
        AccountId creditor;
        Outcome outcome;
    }

    function _collected(Vm.Log calldata log) private {
        Collection memory c;
        c.subcontract = uint16(uint256(log.topics[1]));
        c.payer = uint16(uint256(log.topics[2]));
        (c.stream, c.epoch, c.kind, c.line, c.to, c.creditor, c.outcome) =
            abi.decode(log.data, (StreamId, Epoch, Kind, uint16, AccountId, AccountId, Outcome));

        bytes32 cause = keccak256(abi.encode(c.subcontract, c.stream, c.epoch, c.kind, c.line, c.payer));
        if (_settled[cause]) ++settledTwice;
        _settled[cause] = true;

        uint256 amount = uint256(c.outcome.paid) + c.outcome.arrears;
        if (amount != 0) {
            ++collections;
            _judge(c);
        }
        _use(c);
        taken[c.payer] += amount;
        free[c.payer] -= c.outcome.paid;
        owed[c.payer] += c.outcome.arrears;
        _credit(AccountId.unwrap(c.to), c.outcome.paid);
    }

    function _judge(Collection memory c) private {
        bytes32 id = keccak256(abi.encode(c.subcontract, c.stream, c.epoch));
        Report memory report = _reports[id];
        uint16 stream = StreamId.unwrap(c.stream);
        if (
            report.acceptedAt == 0 || report.verdict != Verdict.Ok
                || block.timestamp <= report.acceptedAt + _windows[stream]
        ) {
            ++withoutReport;
        }
        uint256 begin = Calendar.epochBegin(_kinds[stream], c.epoch, _tz, _t0);
        Version memory version = versionAt(c.payer, c.subcontract, begin);
        if (version.expiry <= begin) ++withoutMandate;

        uint256 period = Calendar.period(block.timestamp, _t0);
        bool shared = c.kind == Kind.Shared;
        uint256 most = shared ? version.sharedPerPeriod : version.perPeriod;
        uint256 used = usedOf(c.payer, c.subcontract, period, shared);
        bool aboveEvent = !shared && c.outcome.within > version.perEvent;
        bool aboveGlobal = usedOf(c.payer, 0, period, false) + c.outcome.within > globalAt(c.payer, begin);
        if (used + c.outcome.within > most || aboveEvent || aboveGlobal) ++beyondCaps;
    }

    function _use(Collection memory c) private {
        uint256 period = Calendar.period(block.timestamp, _t0);
        _used[_usedKey(c.payer, c.subcontract, period, c.kind == Kind.Shared)] += c.outcome.within;
        _used[_usedKey(c.payer, 0, period, false)] += c.outcome.within;
    }

    function _usedKey(uint16 member, uint16 subcontract, uint256 period, bool shared)
        private
        pure
        returns (bytes32)
    {
        return keccak256(abi.encode(member, subcontract, period, shared));
    }

    /// @notice What the caps were used up by; subcontract 0 is the member's own bound.
    function usedOf(uint16 member, uint16 subcontract, uint256 period, bool shared)
        public
        view
        returns (uint256)
    {
        return _used[_usedKey(member, subcontract, period, shared)];
    }

    /* MANDATES */

    function _signed(Vm.Log calldata log) private {
        (, MandateCaps memory caps, uint40 from) = abi.decode(log.data, (bytes32, MandateCaps, uint40));
        _versions[uint16(
                uint256(log.topics[1])
            )][uint16(
                uint256(log.topics[2])
            )].push(Version(caps.perEvent, caps.perPeriod, caps.sharedPerPeriod, from, caps.expiry));
    }

    function _revoked(Vm.Log calldata log) private {
        uint40 from = abi.decode(log.data, (uint40));
        _versions[uint16(
                uint256(log.topics[1])
            )][uint16(uint256(log.topics[2]))].push(Version(0, 0, 0, from, 0));
    }

    function _limited(Vm.Log calldata log) private {
        (uint64 perPeriod, uint40 from) = abi.decode(log.data, (uint64, uint40));
        _globals[uint16(uint256(log.topics[1]))].push(Version(0, perPeriod, 0, from, 0));
    }

    /// @notice The last version signed of those that hold for an epoch beginning at `begin`.
    /// @dev A later signature replaces an earlier one that would hold no earlier.
    function versionAt(uint16 member, uint16 subcontract, uint256 begin)
        public
        view
        returns (Version memory)
    {
        return _last(_versions[member][subcontract], begin);
    }

    function globalAt(uint16 member, uint256 begin) public view returns (uint256) {
        return _globals[member].length == 0 ? type(uint64).max : _last(_globals[member], begin).perPeriod;
    }

    function _last(Version[] storage versions, uint256 begin) private view returns (Version memory found) {
        for (uint256 i = versions.length; i != 0; --i) {
            if (versions[i - 1].from <= begin) return versions[i - 1];
        }
    }

    /* ROSTER */

    function _admitted(Vm.Log calldata log) private {
        lastMember = uint16(uint256(log.topics[1]));
        (key[lastMember],,) = abi.decode(log.data, (address, uint16, uint40));
        ++population;
    }

    function _leftNow(Vm.Log calldata log) private {
        left[uint16(uint256(log.topics[1]))] = true;
        --population;
    }

    /* REPORTS */

    /// @notice What the founders' streams say of their epochs and windows.
    function hear(uint16 stream, EpochKind kind, uint32 window) external {
        (_kinds[stream], _windows[stream]) = (kind, window);
    }

    function _accepted(Vm.Log calldata log) private {
        (Header header,,) = abi.decode(log.data, (Header, bytes32, bytes));
        bytes32 id = keccak256(
            abi.encode(SubcontractId.unwrap(header.subcontract()), header.stream(), header.epoch())
        );
        _reports[id] = Report(header.verdict(), uint40(block.timestamp), EpochKind.Day);
    }
}
