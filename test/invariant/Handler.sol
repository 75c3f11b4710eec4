// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {Limit, MandateCaps, SubcontractState} from "../../contracts/interfaces/ICharter.sol";
import {Device, IDocket, ReportState, StreamTerms} from "../../contracts/interfaces/IDocket.sol";
import {Cause, Debit, Kind, Purse} from "../../contracts/interfaces/ILedger.sol";
import {WoodLine} from "../../contracts/subcontracts/IFirewood.sol";
import {Calendar, EpochKind} from "../../contracts/types/Calendar.sol";
import {AccountId, Accounts, Epoch, MemberId, StreamId, SubcontractId} from "../../contracts/types/Ids.sol";
import {Header, Verdict} from "../../contracts/types/Report.sol";
import {Vm} from "../Base.t.sol";
import {SealedReport, Village} from "../Village.sol";
import {Robber, Robbery} from "../hostile/Robber.sol";
import {Ghost} from "./Ghost.sol";

/// @title The acts of a village at its worst
/// @notice Seven members who act as they please; a committee all of whose seats lie; a second subcontract that robs.
/// @dev Each act goes through `watched`, which lets the ghost read its events. No act may revert: what the contracts
/// refuse is tried by low-level calls.
contract Handler is Village {
    uint256 internal constant MEMBERS = 7;
    uint256 internal constant SEATS = 4;
    uint64 internal constant MOST = 200e6;
    SubcontractId internal constant ROBBER = SubcontractId.wrap(2);
    SubcontractId internal constant BYSTANDER = SubcontractId.wrap(3);
    StreamId internal constant LOOT = StreamId.wrap(2);

    Ghost public ghost;

    SealedReport[] private _pending;
    uint256 private _shownIn; // the period in which exposures were last shown
    uint256 private _openedLast;
    uint64[10] private _limits;

    /* FOUNDING */

    /// @notice Founds the village; called once, before everything.
    /// @dev Not in the constructor, which would carry all of the founding a second time.
    function settleDown() external {
        vm.recordLogs();
        ghost = new Ghost(TZ, startOf());
        found(MEMBERS, SEATS);
        ghost.hear(1, EpochKind.Week, uint32(WINDOW));
        ghost.hear(2, EpochKind.Day, uint32(WINDOW));
        _admitTheRobber();
        for (uint256 i; i < 10; ++i) {
            _limits[i] = charter.limit(Limit(i));
        }
        ghost.absorb(vm.getRecordedLogs());
        _showAll();
    }

    /// @dev Opened by member 1 and signed by all, as any article is (R5, track A).
    function _admitTheRobber() private {
        vm.prank(memberAddress(1));
        charter.open(vm.getCode("test/hostile/Robber.sol:Robber"), "", 1);
        StreamTerms memory terms;
        terms.subcontract = ROBBER;
        terms.epochKind = EpochKind.Day;
        terms.windowSeconds = uint32(WINDOW);
        terms.custodian = memberId(1);
        terms.estimator = "loot/1";
        terms.devices = new Device[](1);
        terms.devices[0] = Device(keccak256("loot"), 1, "scale", 60, type(uint40).max);
        vm.prank(memberAddress(1));
        docket.enrol(terms);
        for (uint256 i = 1; i <= MEMBERS; ++i) {
            _sign(i, MandateCaps(ROBBER, 9e6, 20e6, 3e6, uint40(vm.getBlockTimestamp() + 300 days)));
        }
        passTime(72 hours);
        charter.enact(ROBBER);
        // A third article stays open, to be objected to.
        vm.prank(memberAddress(2));
        charter.open(vm.getCode("test/hostile/Robber.sol:Robber"), "bystander", 1);
    }

    modifier watched() {
        _showWherePeriodsTurned();
        vm.recordLogs();
        _;
        ghost.absorb(vm.getRecordedLogs());
    }

    /* TIME */

    /// @notice Up to forty hours pass; now and then eleven days.
    function passHours(uint8 hours_) external {
        passTime(hours_ % 8 == 0 ? 11 days : bound(hours_, 1, 40) * 1 hours);
        _showWherePeriodsTurned();
    }

    /* MEMBERS */

    function depositOwn(uint8 who, uint64 amount) external watched {
        deposit(_member(who), uint64(bound(amount, 1, MOST)));
    }

    function gift(uint8 from, uint8 to, uint64 amount) external watched {
        depositFrom(memberAddress(_member(from)), purseOf(_member(to)), uint64(bound(amount, 1, MOST)));
    }

    function withdraw(uint8 who, uint64 amount) external watched {
        uint256 member = _member(who);
        uint64 most = ledger.withdrawable(memberId(member));
        vm.prank(memberAddress(member));
        ledger.withdraw(uint64(bound(amount, 0, most)));
    }

    function signMandate(uint8 who, bool robber, uint64 perEvent, uint64 perPeriod, uint64 shared)
        external
        watched
    {
        uint256 member = _member(who);
        SubcontractId id = robber ? ROBBER : WOOD;
        if (!roster.isMember(memberId(member)) || charter.stateOf(id) == SubcontractState.Sunset) return;
        _sign(
            member,
            MandateCaps(
                id,
                uint64(bound(perEvent, 0, 30e6)),
                uint64(bound(perPeriod, 0, 60e6)),
                uint64(bound(shared, 0, 5e6)),
                uint40(vm.getBlockTimestamp() + 300 days)
            )
        );
        _show(member);
    }

    function revokeMandate(uint8 who, bool robber) external watched {
        uint256 member = _member(who);
        if (!roster.isMember(memberId(member))) return;
        SubcontractId id = robber ? ROBBER : WOOD;
        vm.prank(memberAddress(member));
        // Refused where it was forgotten.
        (bool done,) = address(mandates).call(abi.encodeCall(mandates.revokeMandate, (id)));
        done;
    }

    function limitGlobal(uint8 who, uint64 perPeriod) external watched {
        uint256 member = _member(who);
        if (!roster.isMember(memberId(member))) return;
        vm.prank(memberAddress(member));
        mandates.limitGlobal(uint64(bound(perPeriod, 0, 80e6)));
        _show(member);
    }

    function leave(uint8 who) external watched {
        uint256 member = _member(who);
        // A village of three stays one, so that a sequence does not end in an empty place.
        if (!roster.isMember(memberId(member)) || roster.population() <= 3) return;
        vm.prank(memberAddress(member));
        roster.leave();
    }

    /* THE COMMITTEE, ALL OF IT CORRUPT */

    /// @notice Seals a week of wood that nobody took.
    function sealWood(uint32[7] calldata grams, uint32 unattributed, uint8 verdict) external watched {
        WoodLine[] memory lines = new WoodLine[](MEMBERS);
        for (uint256 i; i < MEMBERS; ++i) {
            uint32 some = uint32(bound(grams[i], 0, 400_000));
            lines[i] = WoodLine(memberId(i + 1), uint16(some / 1000), some);
        }
        uint32 lost = uint32(bound(unattributed, 0, 50_000));
        Verdict said = Verdict(verdict % 4 == 3 ? uint8(Verdict.Stale) : uint8(Verdict.Ok));
        _seal(
            WOOD,
            PILE,
            EpochKind.Week,
            said,
            said == Verdict.Ok ? payloadOf(lines, lost / 1000, lost) : bytes("")
        );
    }

    /// @notice Seals a robbery: any kind, any payers, any amounts.
    function sealRobbery(
        uint8 way,
        uint8 kind,
        uint8 accomplice,
        uint8[6] calldata payers,
        uint64[6] calldata amounts
    ) external watched {
        Robbery memory plan = _planOf(kind, accomplice, payers, amounts);
        plan.way = way % 8 < 5 ? 0 : way % 8 - 4;
        _seal(ROBBER, LOOT, EpochKind.Day, Verdict.Ok, abi.encode(plan));
    }

    function _planOf(uint8 kind, uint8 accomplice, uint8[6] calldata payers, uint64[6] calldata amounts)
        private
        pure
        returns (Robbery memory plan)
    {
        plan.kind = Kind(bound(kind, uint8(Kind.Charge), uint8(Kind.Remedy)));
        plan.accomplice = purseOf(_member(accomplice));
        plan.creditor = plan.accomplice;
        plan.debits = new Debit[](6);
        for (uint256 i; i < 6; ++i) {
            uint256 payer = bound(payers[i], 1, MEMBERS + 1); // one of them is nobody
            uint16 line = plan.kind == Kind.Charge ? uint16(payer) : plan.kind == Kind.Shared ? 0 : uint16(i);
            plan.debits[i] = Debit(memberId(payer), line, uint64(bound(amounts[i], 0, 100e6)));
            if (plan.kind != Kind.Remedy) plan.debits[i] = _onceEach(plan, i);
        }
    }

    /// @dev A payer named twice would spoil the whole robbery; the second time it is a stranger.
    function _onceEach(Robbery memory plan, uint256 i) private pure returns (Debit memory debit) {
        debit = plan.debits[i];
        for (uint256 j; j < i; ++j) {
            if (plan.debits[j].payer == debit.payer) {
                uint16 nobody = uint16(100 + i);
                return Debit(MemberId.wrap(nobody), plan.kind == Kind.Charge ? nobody : 0, debit.amount);
            }
        }
    }

    /// @dev The next epoch that the docket would take; none where it has not ended yet.
    function _seal(
        SubcontractId subcontract,
        StreamId stream,
        EpochKind kind,
        Verdict verdict,
        bytes memory payload
    ) private {
        (bytes24 parent, Epoch last) = docket.head(stream);
        uint256 length = kind == EpochKind.Day ? 1 days : 7 days;
        uint256 oldest = vm.getBlockTimestamp() - 30 days;
        uint24 next = Epoch.unwrap(last) + 1;
        // What is past the thirty days can no longer be reported, and what began before it was law never.
        uint24 first = Epoch.unwrap(Calendar.epochAt(kind, oldest - length, TZ, 0)) + 1;
        if (next < first) next = first;
        while (!charter.accruesAt(subcontract, uint40(Calendar.epochBegin(kind, Epoch.wrap(next), TZ, 0)))) {
            if (Calendar.epochBegin(kind, Epoch.wrap(next), TZ, 0) > vm.getBlockTimestamp()) return;
            ++next;
        }
        uint256 begin = Calendar.epochBegin(kind, Epoch.wrap(next), TZ, 0);
        if (begin + length > vm.getBlockTimestamp() || begin + length < oldest) return;

        SealedReport memory report_;
        report_.parent = parent;
        report_.envelopes = ENVELOPES;
        report_.payload = payload;
        uint256 word =
            uint256(SubcontractId.unwrap(subcontract)) << 240 | uint256(StreamId.unwrap(stream)) << 224;
        word |= uint256(next) << 200 | uint256(committee.version()) << 160;
        word |= begin << 120 | (begin + length) << 80 | uint256(uint8(verdict)) << 72;
        word |= uint256(9000) << 56 | uint256(9800) << 40;
        bytes32 digest = docket.digest(Header.wrap(word), parent, ENVELOPES, keccak256(payload));
        uint256 quorum = committee.quorum();
        for (uint256 i; i < quorum; ++i) {
            (bytes32 r, bytes32 vs) = vm.signCompact(reportKey(i), digest);
            report_.seal = abi.encodePacked(report_.seal, r, vs);
        }
        report_.header = Header.wrap(word | (1 << quorum) - 1);
        submit(report_);
        if (verdict == Verdict.Ok) _pending.push(report_);
    }

    /// @notice Settles what may be settled; a subcontract that fails must block nothing but itself (I20).
    function settlePending(uint8 which) external watched {
        if (_pending.length == 0) return;
        uint256 i = which % _pending.length;
        SealedReport memory report_ = _pending[i];
        ReportState state =
            docket.stateOf(report_.header.subcontract(), report_.header.stream(), report_.header.epoch());
        if (state == ReportState.Accepted) return;
        if (state == ReportState.Final) {
            settle(report_);
            state =
                docket.stateOf(report_.header.subcontract(), report_.header.stream(), report_.header.epoch());
            if (state != ReportState.Settled && report_.header.subcontract() == WOOD) ghost.sawBlock();
            // Once settled, never again.
            (bool again,) = address(docket)
                .call(
                    abi.encodeCall(
                        docket.settle, (report_.header, report_.parent, report_.envelopes, report_.payload)
                    )
                );
            if (again && state == ReportState.Settled) ghost.sawTrespass();
        }
        _pending[i] = _pending[_pending.length - 1];
        _pending.pop();
    }

    /* VOTES */

    /// @notice Members vote, one or all of them alike, as a captured assembly does; no vote may touch what one member can
    /// take out, nor loosen anything (I6, I14).
    function vote(uint8 who, bool together, uint8 what, uint8 item, uint64 value) external watched {
        uint64[MEMBERS] memory before;
        for (uint256 i; i < MEMBERS; ++i) {
            before[i] = ledger.withdrawable(memberId(i + 1));
        }
        bytes memory act = _voteOf(what % 4, Limit(item % 10), value);
        for (uint256 i = 1; i <= MEMBERS; ++i) {
            if (!together && i != _member(who)) continue;
            vm.prank(memberAddress(i));
            (bool done,) = address(charter).call(act);
            done;
        }
        for (uint256 i; i < MEMBERS; ++i) {
            if (ledger.withdrawable(memberId(i + 1)) < before[i]) ghost.sawVoteMove();
        }
        _checkLimits();
    }

    function _voteOf(uint256 what, Limit item, uint64 value) private view returns (bytes memory) {
        if (what == 0) {
            // Around the present value, so that both directions are tried.
            uint64 now_ = charter.limit(item);
            uint64 wanted = value % 2 == 0 ? now_ + value / 2 % 500 : now_ - value / 2 % (now_ / 10 + 1);
            return abi.encodeCall(charter.tighten, (item, wanted));
        }
        if (what == 1) return abi.encodeCall(charter.repeal, (ROBBER));
        if (what == 2) return abi.encodeCall(charter.object, (BYSTANDER, bytes32("harm")));
        return abi.encodeCall(charter.poke, (value % 2 == 0 ? ROBBER : WOOD));
    }

    /// @dev A limit moves in its one direction only, and so does what is pending of it (R3).
    function _checkLimits() private {
        for (uint256 i; i < 10; ++i) {
            Limit item = Limit(i);
            uint64 now_ = charter.limit(item);
            (uint64 pending, uint40 since) = charter.pendingLimit(item);
            if (since == 0) pending = now_;
            bool rises = item == Limit.PledgeNoticeSeconds || item == Limit.RuleNoticeSeconds
                || item == Limit.EvidenceBps || item == Limit.BreadFloorBps;
            bool loosened = rises ? now_ < _limits[i] || pending < now_ : now_ > _limits[i] || pending > now_;
            if (loosened) ghost.sawLoosening();
            _limits[i] = now_;
        }
    }

    /* STRANGERS */

    /// @notice What nobody may do, tried by everybody.
    function trespass(uint8 who, uint8 what, uint8 kind, uint8[6] calldata payers, uint64[6] calldata amounts)
        external
        watched
    {
        Robbery memory plan = _planOf(kind, who, payers, amounts);
        MemberId victim = plan.debits[0].payer;
        bool done;
        vm.startPrank(memberAddress(_member(who)));
        if (what % 6 == 0) {
            Cause memory cause = Cause(LOOT, Epoch.wrap(1), plan.kind);
            (done,) = address(ledger)
                .call(
                    abi.encodeCall(
                        ledger.collect, (cause, Accounts.ofPot(ROBBER, 0), plan.creditor, plan.debits)
                    )
                );
        } else if (what % 6 == 1) {
            (done,) = address(mandates)
                .call(abi.encodeCall(mandates.useCaps, (WOOD, plan.kind, uint40(0), uint16(0), plan.debits)));
        } else if (what % 6 == 2) {
            (done,) = address(mandates)
                .call(
                    abi.encodeCall(mandates.foundMandates, (victim, type(uint64).max, new MandateCaps[](0)))
                );
        } else if (what % 6 == 3) {
            (done,) = address(mandates).call(abi.encodeCall(mandates.memberLeft, (victim)));
        } else if (what % 6 == 4) {
            (done,) = address(ledger).call(abi.encodeCall(ledger.forfeitBond, (seatId(0))));
        } else {
            uint64 most = ledger.withdrawable(memberId(_member(who)));
            (done,) = address(ledger).call(abi.encodeCall(ledger.withdraw, (most + 1)));
        }
        vm.stopPrank();
        if (done) ghost.sawTrespass();
        // The robber walks without a report too; it swallows every refusal, so only events tell.
        (, Epoch epoch) = docket.head(LOOT);
        Robber(charter.subcontractAt(ROBBER)).stroll(LOOT, epoch, plan);
    }

    /* LIVENESS */

    /// @notice An honest week is reported and settled, whatever went before. Where so many took back their signatures that
    /// the wood is law no longer, there is none to settle.
    function liveAnHonestWeek() external returns (bool settled) {
        SubcontractState state = charter.stateOf(WOOD);
        if (state == SubcontractState.Suspended || state == SubcontractState.Sunset) return true;
        vm.recordLogs();
        WoodLine[] memory lines = new WoodLine[](1);
        lines[0] = WoodLine(memberId(1), 1, 1000);
        passTime(8 days);
        _showWherePeriodsTurned();
        // Weeks left unreported must be reported or expire first; the newest closes last.
        uint256 sealedBefore;
        do {
            sealedBefore = _pending.length;
            _seal(WOOD, PILE, EpochKind.Week, Verdict.Ok, payloadOf(lines, 0, 0));
        } while (_pending.length > sealedBefore);
        if (_pending.length == 0) return false;
        SealedReport memory last = _pending[_pending.length - 1];
        passTime(WINDOW + 1);
        _showWherePeriodsTurned();
        settle(last);
        settled = docket.stateOf(WOOD, PILE, last.header.epoch()) == ReportState.Settled;
        ghost.absorb(vm.getRecordedLogs());
    }

    /// @notice Everybody leaves and, 141 days later at the latest, takes all they have.
    function everyoneLeaves() external {
        vm.recordLogs();
        for (uint256 i = 1; i <= MEMBERS; ++i) {
            if (!roster.isMember(memberId(i))) continue;
            vm.prank(memberAddress(i));
            roster.leave();
        }
        passTime(81 days);
        for (uint256 i = 1; i <= MEMBERS; ++i) {
            uint64 most = ledger.withdrawable(memberId(i));
            vm.prank(memberAddress(i));
            ledger.withdraw(most);
        }
        ghost.absorb(vm.getRecordedLogs());
    }

    /// @notice Without signers the wood is suspended, and over 30 days later; when none of its epochs is open it closes,
    /// and everybody takes what they get of it.
    function closeTheWood() external {
        vm.recordLogs();
        charter.poke(WOOD);
        passTime(81 days);
        bool holds =
            ledger.potBalance(Accounts.ofPot(WOOD, 0)) + ledger.potBalance(Accounts.ofPot(WOOD, 1)) != 0;
        if (holds) wood.close();
        for (uint256 i = 1; i <= MEMBERS; ++i) {
            uint64 most = ledger.withdrawable(memberId(i));
            vm.prank(memberAddress(i));
            ledger.withdraw(most);
        }
        ghost.absorb(vm.getRecordedLogs());
    }

    /* EXPOSURE */

    function _show(uint256 member) private {
        (uint64 exposure,) = ledger.maxExposure(memberId(member));
        Purse memory purse_ = ledger.purse(purseOf(member));
        // What is owed already is no new taking.
        ghost.show(uint16(member), exposure - purse_.arrears - purse_.held);
    }

    function _showAll() private {
        _shownIn = _period();
        for (uint256 i = 1; i <= MEMBERS; ++i) {
            _show(i);
        }
    }

    function _showWherePeriodsTurned() private {
        if (_period() != _shownIn) _showAll();
    }

    function _period() private view returns (uint256) {
        return Calendar.period(vm.getBlockTimestamp(), charter.t0());
    }

    function _sign(uint256 member, MandateCaps memory caps) private {
        bytes32 terms = charter.termsHashOf(caps.subcontract);
        vm.prank(memberAddress(member));
        mandates.signMandate(caps, terms);
    }

    function _member(uint8 who) private pure returns (uint256) {
        return bound(who, 1, MEMBERS);
    }

    /* WHAT THE JUDGES ASK */

    function parts() external view returns (address, address, address, address, address) {
        return (address(charter), address(roster), address(ledger), address(mandates), address(token));
    }
}
