// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {MandateCaps} from "../../contracts/interfaces/ICharter.sol";
import {Device, ReportState, StreamTerms} from "../../contracts/interfaces/IDocket.sol";
import {Debit, Kind} from "../../contracts/interfaces/ILedger.sol";
import {WoodLine} from "../../contracts/subcontracts/IFirewood.sol";
import {Calendar, EpochKind} from "../../contracts/types/Calendar.sol";
import {Epoch, StreamId, SubcontractId} from "../../contracts/types/Ids.sol";
import {Header, Verdict} from "../../contracts/types/Report.sol";
import {Robbery} from "../hostile/Robber.sol";
import {Draft, SealedReport, Village} from "../Village.sol";

/// @notice One article makes the provider of another owe dust to everybody; the other settles all the same.
contract DustDebtsTest is Village {
    uint256 private constant MEMBERS = 7;
    uint256 private constant PROVIDER = MEMBERS;
    uint256 private constant STREAMS = 4;

    SubcontractId private robber;
    StreamId[STREAMS] private streams;

    /// @dev Some purses were never used: what lands in them first is dearest.
    function setUp() external {
        Draft memory draft = draftOf(MEMBERS, 4);
        (draft.deposits[2], draft.deposits[3], draft.deposits[4], draft.deposits[5]) = (0, 0, 0, 0);
        found(draft);
        uint64 all = ledger.withdrawable(memberId(PROVIDER));
        vm.prank(memberAddress(PROVIDER));
        ledger.withdraw(all);
        openRobber();
    }

    function openRobber() private {
        bytes memory code = vm.getCode("test/hostile/Robber.sol:Robber");
        vm.prank(memberAddress(1));
        robber = charter.open(code, "", 1);
        bytes32 terms = charter.termsHashOf(robber);
        for (uint256 i; i < STREAMS; ++i) {
            StreamTerms memory stream;
            stream.subcontract = robber;
            stream.epochKind = EpochKind.Day;
            stream.windowSeconds = uint32(WINDOW);
            stream.custodian = memberId(1);
            stream.estimator = "wood/1";
            stream.devices = new Device[](1);
            stream.devices[0] = Device(keccak256(abi.encode("dust", i)), 1, "scale", 60, type(uint40).max);
            vm.prank(memberAddress(1));
            streams[i] = docket.enrol(stream);
        }
        signDust(terms);
        passTime(72 hours);
        charter.enact(robber);
        passTime(1 days);
    }

    /// @dev The sponsor first (R5), with caps of nothing.
    function signDust(bytes32 terms) private {
        uint40 expiry = uint40(vm.getBlockTimestamp() + 300 days);
        vm.prank(memberAddress(1));
        mandates.signMandate(MandateCaps(robber, 0, 0, 0, expiry), terms);
        vm.prank(memberAddress(PROVIDER));
        mandates.signMandate(MandateCaps(robber, 100, 1000, 0, expiry), terms);
    }

    /// @dev A day of the robber: the provider owes one unit more to some member.
    function owe(StreamId stream, Epoch day, uint256 creditor) private returns (SealedReport memory dust) {
        Robbery memory plan;
        plan.kind = Kind.Charge;
        plan.creditor = purseOf(creditor);
        plan.accomplice = purseOf(1);
        plan.debits = new Debit[](1);
        plan.debits[0] = Debit(memberId(PROVIDER), uint16(PROVIDER), 1);
        dust.payload = abi.encode(plan);

        (dust.parent,) = docket.head(stream);
        dust.envelopes = ENVELOPES;
        uint256 begin = Calendar.epochBegin(EpochKind.Day, day, TZ, charter.t0());
        uint256 head = uint256(SubcontractId.unwrap(robber)) << 240 | uint256(StreamId.unwrap(stream)) << 224;
        head |= uint256(Epoch.unwrap(day)) << 200 | uint256(committee.version()) << 160;
        head |= begin << 120 | (begin + 1 days) << 80 | uint256(9000) << 56 | uint256(9800) << 40;
        bytes32 digest = docket.digest(Header.wrap(head), dust.parent, ENVELOPES, keccak256(dust.payload));
        uint256 quorum = committee.quorum();
        for (uint256 i; i < quorum; ++i) {
            (bytes32 r, bytes32 vs) = vm.signCompact(reportKey(i), digest);
            dust.seal = abi.encodePacked(dust.seal, r, vs);
        }
        dust.header = Header.wrap(head | (1 << quorum) - 1);
        submit(dust);
    }

    function test_R1_9_AProvidersDustDebtsStopNoWeek() external {
        uint256 debts;
        SealedReport[STREAMS] memory dust;
        for (uint256 d; d < 4; ++d) {
            Epoch day = Calendar.epochAt(EpochKind.Day, vm.getBlockTimestamp(), TZ, charter.t0());
            _warpForward(Calendar.epochEnd(EpochKind.Day, day, TZ, charter.t0()));
            for (uint256 i; i < STREAMS; ++i) {
                dust[i] = owe(streams[i], day, debts++ % 6 + 1);
            }
            uint256 back = vm.getBlockTimestamp();
            vm.warp(back + WINDOW + 1);
            for (uint256 i; i < STREAMS; ++i) {
                settle(dust[i]);
            }
            vm.warp(back);
        }
        vm.assertEq(ledger.arrearsOf(memberId(PROVIDER)).length, 16, "one unit to everybody, twice and more");
        WoodLine[] memory lines = new WoodLine[](2);
        lines[0] = WoodLine(memberId(1), 4, 4000);
        lines[1] = WoodLine(memberId(2), 4, 4000);
        while (weekBegin(nextWeek(week)) <= vm.getBlockTimestamp()) report(Verdict.Stale, "");

        Epoch epoch = week;
        settleWeek(payloadOf(lines, 2, 2000));

        vm.assertTrue(docket.stateOf(WOOD, PILE, epoch) == ReportState.Settled, "R1.9, I20: settles");
        vm.assertGt(freeOf(PROVIDER), 0, "R8: the provider is paid");
        vm.assertEq(ledger.arrearsOf(memberId(PROVIDER)).length, 8, "R1.4: each of two payments repays four");
    }
}
