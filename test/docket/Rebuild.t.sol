// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {Vm} from "../Base.t.sol";
import {Seat, SignedReport} from "../../contracts/interfaces/ICommittee.sol";
import {ReportState, StreamTerms} from "../../contracts/interfaces/IDocket.sol";
import {EpochKind} from "../../contracts/types/Calendar.sol";
import {Epoch, MemberId, SeatId, StreamId} from "../../contracts/types/Ids.sol";
import {Verdict} from "../../contracts/types/Report.sol";
import {Seated} from "./Seated.sol";
import {Shadow} from "./Shadow.sol";
import {Asking, Refusing} from "./Subcontracts.sol";

contract RebuildTest is Seated {
    uint256 internal constant SEATS = 5;
    uint256 internal constant ALTERNATES = 4;

    Shadow internal shadow;
    Asking internal asking;
    Refusing internal refusing;
    Epoch internal epoch;
    Report[] internal reports;
    uint256 internal fresh = 1000;

    function setUp() public {
        vm.recordLogs();
        foundSeats(SEATS, ALTERNATES);
        shadow = new Shadow(address(docket));
        enrolStreams(new EpochKind[](2));
        registerAll();
        charter.foundBadge(ada, keccak256("badge of ada"));
        charter.ignite();
        asking = new Asking(docket);
        refusing = new Refusing();
        charter.enact(WOOD, address(asking));
        epoch = next(today());
        look();
    }

    /// @notice Shows the shadow what happened since the last look.
    function look() internal {
        Vm.Log[] memory logs = vm.getRecordedLogs();
        for (uint256 i = 0; i < logs.length; ++i) {
            if (logs[i].emitter == address(docket) || logs[i].emitter == address(committee)) {
                shadow.see(logs[i]);
            }
        }
    }

    /* DEEDS: each may be refused, which changes nothing */

    function act(uint256 what, uint256 how) internal {
        SeatId seat = SeatId.wrap(uint8(how % SEATS));
        address identity = committee.seat(seat).identity;
        if (what == 0) {
            vm.prank(identity);
            try committee.rotate(seat, vm.addr(++fresh), bytes32(fresh), "http://moved") {} catch {}
        } else if (what == 1 && committee.registered() == SEATS) {
            vm.prank(identity);
            try committee.resign(seat) {} catch {}
        } else if (what == 2) {
            _register(seat, how % (SEATS + ALTERNATES));
        } else if (what == 3) {
            if (how % 4 == 0) passTime(7 days);
            try committee.release(SeatId.wrap(uint8(how % (SEATS + ALTERNATES)))) {} catch {}
        } else if (what == 4 && committee.registered() == SEATS) {
            _equivocate(seat);
        } else if (what == 5) {
            vm.prank(how % 2 == 0 ? personOf("ada") : personOf("ben"));
            try docket.enrolBadge(how % 3 == 0 ? bytes32(0) : keccak256(abi.encode(how % 5))) {} catch {}
        } else if (what == 6) {
            vm.prank(personOf("ada"));
            docket.replaceDevice(
                StreamId.wrap(uint16(1 + how % 2)), uint8(how / 2 % 2), device("scale", ++fresh)
            );
        } else if (what == 7) {
            passTime(how % 3 days);
        } else if (what < 12) {
            _report(how);
        } else if (what < 14 && reports.length != 0) {
            _contest(reports[how % reports.length], how);
        } else if (reports.length != 0) {
            charter.enact(WOOD, how % 4 == 0 ? address(refusing) : address(asking));
            try this.settleOutside(reports[how % reports.length]) {} catch {}
        }
    }

    function _register(SeatId seat, uint256 number) private {
        ledger.deposit(SeatId.wrap(uint8(number)), BOND);
        vm.prank(identityOf(number));
        try committee.register(seat, vm.addr(++fresh), bytes32(fresh), "http://came") {} catch {}
    }

    /// @dev The seat's key of version 1 is known here; later ones are not, and then nothing is proved.
    function _equivocate(SeatId seat) private {
        uint256 number = SeatId.unwrap(seat);
        SignedReport memory one =
            signedBy(Report(header(WOOD, PILE, epoch, 0, 1, 0), 0, value(fresh)), number);
        SignedReport memory two =
            signedBy(Report(header(WOOD, PILE, epoch, 0, 1, 0), 0, value(++fresh)), number);
        try committee.proveEquivocation(seat, one, two) {} catch {}
    }

    function _report(uint256 how) private {
        while (vm.getBlockTimestamp() > endOf(epoch) + 30 days) epoch = next(epoch);
        if (vm.getBlockTimestamp() < endOf(epoch)) passDay(epoch);
        Report memory report = reportFor(epoch, linesOfBoth());
        report.header = header(epoch, uint16(how % 7), Verdict(how % 5 == 0 ? 1 : 0));
        // The seats' keys change; what they sign is another test's matter.
        _mockSeals(report);
        reports.push(report);
        epoch = next(epoch);
    }

    /// @dev Rotated keys are derived from `fresh`, so any quorum that sits can sign.
    function _mockSeals(Report memory report) private {
        bytes32 digest = digestOf(report);
        address[] memory keys = committee.keysOf(committee.version());
        bytes memory signatures;
        uint32 signers;
        uint256 left = committee.quorum();
        for (uint256 i = 0; i < keys.length && left != 0; ++i) {
            if (keys[i] == address(0)) continue;
            uint256 key = keys[i] == vm.addr(reportKeyOf(i)) ? reportKeyOf(i) : _keyOf(keys[i]);
            (bytes32 r, bytes32 vs) = vm.signCompact(key, digest);
            signatures = abi.encodePacked(signatures, r, vs);
            signers |= uint32(1 << i);
            --left;
        }
        docket.submit(withSigners(report.header, signers), ROOT, report.payload, signatures);
    }

    function _keyOf(address wanted) private view returns (uint256 key) {
        for (key = fresh; vm.addr(key) != wanted; --key) {}
    }

    function _contest(Report memory report, uint256 how) private {
        bytes32 digest = digestOf(report);
        vm.prank(how % 2 == 0 ? personOf("ada") : personOf("ben"));
        try docket.contest(WOOD, PILE, report.header.epoch(), digest) {} catch {}
    }

    function settleOutside(Report calldata report) external {
        docket.settle(report.header, report.parent, ROOT, report.payload);
    }

    /* THE LAW */

    /// forge-config: default.fuzz.runs = 24
    function testFuzz_R7_stateFollowsFromEventsAlone(uint256 seed) public {
        for (uint256 i = 0; i < 80; ++i) {
            seed = uint256(keccak256(abi.encode(seed)));
            act(seed % 18, seed >> 8);
            look();
        }

        seatsAgree();
        streamsAgree();
        reportsAgree();
    }

    function seatsAgree() internal view {
        vm.assertEq(uint256(shadow.version()), committee.version(), "version");
        vm.assertEq(uint256(shadow.reportVersion()), committee.version(), "version of the docket");
        vm.assertEq(uint256(shadow.registered()), committee.registered(), "seats registered");
        for (uint24 version = 1; version <= committee.version(); ++version) {
            address[] memory keys = committee.keysOf(version);
            for (uint256 i = 0; i < SEATS; ++i) {
                vm.assertEq(shadow.keys(version, i), keys[i], "keys of a version");
            }
        }
        for (uint8 i = 0; i < SEATS; ++i) {
            Seat memory seat = committee.seat(SeatId.wrap(i));
            (bool taken,, address identity, address key, bytes32 transport, string memory endpoint) =
                shadow.chairs(i);
            vm.assertEq(taken, seat.bonded, "taken");
            if (taken) vm.assertEq(identity, seat.identity, "identity");
            vm.assertEq(key, seat.reportKey, "report key");
            vm.assertEq(transport, seat.transportKey, "transport key");
            vm.assertEq(endpoint, seat.endpoint, "endpoint");
        }
        for (uint8 i = 0; i < SEATS + ALTERNATES; ++i) {
            (bool held,) = shadow.bonds(i);
            vm.assertEq(held, ledger.held(SeatId.wrap(i)) != 0, "R22: who has a bond held");
        }
    }

    function streamsAgree() internal view {
        vm.assertEq(uint256(shadow.streams()), docket.streamCount(), "streams");
        uint40 now_ = uint40(block.timestamp);
        for (uint16 stream = 1; stream <= shadow.streams(); ++stream) {
            (StreamTerms memory terms,) = docket.streamOf(StreamId.wrap(stream));
            vm.assertEq(abi.encode(shadow.termsOf(stream, now_)), abi.encode(terms), "terms");
            for (uint40 back = 0; back < 20 days; back += 12 hours) {
                vm.assertEq(
                    abi.encode(shadow.devicesAt(stream, now_ + 5 days - back)),
                    abi.encode(docket.devicesAt(StreamId.wrap(stream), now_ + 5 days - back)),
                    "R7.1: devices, by the epoch"
                );
            }
        }
        for (uint40 back = 0; back < 60 days; back += 12 hours) {
            uint40 begin = now_ + 2 days - back;
            vm.assertEq(shadow.badgeAt(1, begin), docket.badgeAt(ada, begin), "R7.1: badges, by the epoch");
            vm.assertEq(shadow.badgeAt(2, begin), docket.badgeAt(ben, begin), "R7.1: badges, by the epoch");
        }
    }

    function reportsAgree() internal view {
        (bytes24 head,) = docket.head(PILE);
        vm.assertEq(shadow.head(1), bytes32(head), "R7.3: the head");
        for (uint256 i = 0; i < reports.length; ++i) {
            Epoch number = reports[i].header.epoch();
            Shadow.Entry memory entry = shadow.entryOf(WOOD, PILE, number);
            (bytes24 digest, uint40 at) = docket.accepted(WOOD, PILE, number);
            vm.assertEq(entry.digest, bytes32(digest), "R7.4: the digest");
            vm.assertEq(entry.at, at, "R7.10: the time");
            vm.assertEq(
                uint256(stateFrom(entry)), uint256(docket.stateOf(WOOD, PILE, number)), "R7.10: the state"
            );
        }
    }

    function stateFrom(Shadow.Entry memory entry) internal view returns (ReportState) {
        if (entry.verdict != Verdict.Ok) return ReportState.Spent;
        if (entry.settled) return ReportState.Settled;
        if (block.timestamp <= entry.at + WINDOW) return ReportState.Accepted;
        return block.timestamp <= entry.at + WINDOW + 14 days ? ReportState.Final : ReportState.Lapsed;
    }

    /// @dev Which lines are frozen is told by `settling` alone, while it lasts.
    function test_R7_10_frozenLinesFollowFromEvents() public {
        _report(1);
        Report memory report = reports[0];
        bytes32 digest = digestOf(report);
        vm.prank(personOf("ben"));
        docket.contest(WOOD, PILE, report.header.epoch(), digest);
        vm.prank(personOf("ada"));
        docket.contest(WOOD, PILE, report.header.epoch(), digest);
        passTime(WINDOW + 1);
        settle(report);
        look();

        MemberId[] memory frozen = shadow.entryOf(WOOD, PILE, report.header.epoch()).frozen;
        vm.assertEq(frozen.length, asking.frozenCount(), "R7.10: as many");
        for (uint256 i = 0; i < frozen.length; ++i) {
            vm.assertEq(
                uint256(MemberId.unwrap(frozen[i])), MemberId.unwrap(asking.frozen(i)), "R7.10: the same"
            );
        }
    }
}
